# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Rights that are withdrawn, in real time. This takes a minute, so it runs with
one version of the stock client only."""

from __future__ import annotations

import time
from typing import Any

import pytest
from conftest import Bucket, read
from test_rights import DATA, KEYS, ROLES, Person, denied, soon

from arvados_pseudoblock import errors

LIMIT = 125
"""Seconds: a minute in which the server remembers credentials, then one of our cache, and some to breathe."""


class Shared:
    """A collection that bob reads by a record of ann's."""

    def __init__(self, admin: Any, bucket: Bucket, record: str, right: str) -> None:
        self.ann, self.bob = Person(admin), Person(admin)
        bucket.put("k", DATA)
        uuid = self.ann.add_record(KEYS) if record == "keys" else self.ann.add_role(ROLES)
        self.locator = self.ann.save(bucket.url("k"), self.bob)
        self.link = self.ann.share(uuid, self.bob, right)
        soon(lambda: read(self.bob.collection(self.locator), "f"))
        self.open = self.bob.collection(self.locator).open("f", "rb")
        assert self.open.read() == DATA

    def reads(self) -> bool:
        """Reads what is warm: by the file that is open, and by a new collection with the same client."""
        try:
            self.open.seek(1000)
            assert self.open.read(100) == DATA[1000:1100]
            assert read(self.bob.collection(self.locator), "f") == DATA
        except errors.DeniedError as error:
            return error.word != "creds-missing"
        return True


def test_withdrawn(s3: Any, admin: Any, prefix: str) -> None:
    """Whoever reads all the time, from a warm cache, stops; the owner goes on."""
    both = [
        Shared(admin, Bucket(s3, KEYS, prefix), "keys", "can_manage"),
        Shared(admin, Bucket(s3, ROLES, prefix), "roles", "can_read"),
    ]
    for one in both:
        one.ann.api.links().delete(uuid=one.link).execute()
    end = time.monotonic() + LIMIT
    left = list(both)
    while left and time.monotonic() < end:
        time.sleep(0.5)
        left = [one for one in left if one.reads()]
    assert not left, "bytes of a warm cache are still given"
    for one in both:
        denied("creds-missing", one.bob, one.locator)
        one.open.seek(0)
        with pytest.raises(errors.DeniedError):
            one.open.read(10)
        assert read(one.ann.collection(one.locator), "f") == DATA
