# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Access rules under which each user reads with rights of their own: keys in
credential records, roles in records, and a role for everybody."""

from __future__ import annotations

import contextlib
import logging
import os
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Bucket, client, new_person, noise, read, sha256, token_for
from s3 import S3

import arvados_pseudoblock as pb
from arvados_pseudoblock import errors

KEYS, ROLES, FOLDERS = (os.environ["TEST_BUCKET_" + name] for name in ("KEYS", "ROLES", "FOLDERS"))
DATA = noise(3 << 20)


class Person:
    """A user with a Keep client that lives as long as the test."""

    def __init__(self, admin: Any, owner: dict[str, Any] | None = None, api: Any = None) -> None:
        self.user, self.api = (owner, api) if owner else new_person(admin)
        self.keep = pb.KeepClient(api_client=self.api, num_retries=1)
        self.records: list[str] = []

    def collection(self, locator: str | None = None) -> pb.Collection:
        return pb.Collection(locator, self.api, self.keep)

    def add_record(self, bucket: str, **changes: Any) -> str:
        """A credential record: the keys of the one user of the bucket, unless changed to a role."""
        record = {
            "name": "keys " + uuid.uuid4().hex,
            "credential_class": "arv:aws_access_key",
            "scopes": ["s3://" + bucket],
            "external_id": os.environ["TEST_USER_ACCESS_KEY"],
            "secret": os.environ["TEST_USER_SECRET_KEY"],
            "expires_at": "2099-01-31T00:00:00Z",
            **changes,
        }
        made = self.api.credentials().create(body={"credential": record}).execute()
        self.records.append(str(made["uuid"]))
        return self.records[-1]

    def add_role(self, bucket: str) -> str:
        return self.add_record(
            bucket, credential_class="aws_iam_role", external_id=os.environ["TEST_ROLE"], secret="none"
        )

    def share(self, what: str, other: Person, name: str) -> str:
        link = {"link_class": "permission", "name": name, "tail_uuid": other.user["uuid"], "head_uuid": what}
        return str(self.api.links().create(body={"link": link}).execute()["uuid"])

    def save(self, url: str, *readers: Person, form: str | None = None) -> str:
        """A collection of one object, named f, that others may read."""
        made = self.collection()
        made.import_from_s3(url, "f", form=form)
        made.save_new(name="shared " + uuid.uuid4().hex)
        locator = made.manifest_locator()
        assert locator
        for other in readers:
            self.share(locator, other, "can_read")
        return locator


@pytest.fixture
def ann(admin: Any) -> Person:
    return Person(admin)


@pytest.fixture
def bob(admin: Any) -> Person:
    return Person(admin)


@pytest.fixture
def keys(s3: S3, prefix: str) -> Bucket:
    return Bucket(s3, KEYS, prefix)


@pytest.fixture
def roles(s3: S3, prefix: str) -> Bucket:
    return Bucket(s3, ROLES, prefix)


def denied(word: str, who: Person, locator: str) -> errors.DeniedError:
    with pytest.raises(errors.DeniedError) as caught:
        read(who.collection(locator), "f")
    assert caught.value.word == word and caught.value.status == 403
    return caught.value


def soon(work: Callable[[], bytes], limit: float = 30) -> bytes:
    """What works after the server has forgotten a denial (5 s)."""
    end = time.monotonic() + limit
    while True:
        try:
            return work()
        except errors.DeniedError:
            if time.monotonic() > end:
                raise
        time.sleep(0.2)


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture, tmp_path: Path, ann: Person, bob: Person) -> Iterator[list[str]]:
    """Texts that must not have a secret; the logs, and names of files under the home folder, are added at the end."""
    caplog.set_level(logging.DEBUG)
    texts: list[str] = []
    yield texts
    texts += [caplog.text, *(str(p) for p in tmp_path.rglob("*"))]
    secrets = [os.environ["TEST_USER_SECRET_KEY"], *(p.api.api_token.rsplit("/", 1)[-1] for p in (ann, bob))]
    for text in texts:
        for secret in [*secrets, "eyJ", "X-Amz-", "+A"]:
            assert secret not in text


def everything(error: BaseException) -> str:
    """All that a program could print about an error."""
    inner = error.request_errors() if isinstance(error, errors.Error) else {}
    parts = [str(error), repr(error), repr(error.args), "".join(traceback.format_exception(error))]
    return "\n".join(parts + [f"{k} {v} {v!r}" for k, v in inner.items()])


@pytest.mark.parametrize("form", ["opaque", "derived"])
def test_keys_of_a_record(keys: Bucket, ann: Person, bob: Person, told: list[str], form: str) -> None:
    """Without a record nothing is read; with one that is shared, at once; in one process, with warm caches."""
    keys.put("k", DATA)
    record = ann.add_record(KEYS)
    locator = ann.save(keys.url("k"), bob, form=form)
    assert sha256(read(ann.collection(locator), "f")) == sha256(DATA)
    error = denied("creds-missing", bob, locator)
    assert f'the scope "s3://{KEYS}"' in error.sentence and "ask a colleague to share theirs" in error.sentence
    with pytest.raises(errors.DeniedError) as caught:
        bob.collection().import_from_s3(keys.url("k"))
    assert caught.value.word == "creds-missing" and KEYS in str(caught.value)
    ann.share(record, bob, "can_manage")
    assert soon(lambda: read(bob.collection(locator), "f")) == DATA
    told += [everything(error), everything(caught.value)]


def test_record_shared_without_its_secret(keys: Bucket, ann: Person, bob: Person, told: list[str]) -> None:
    """Whoever may only read a record does not get its secret, and is told what else to do."""
    keys.put("k", DATA)
    record = ann.add_record(KEYS)
    locator = ann.save(keys.url("k"), bob)
    ann.share(record, bob, "can_read")
    error = denied("creds-missing", bob, locator)
    assert record in error.sentence and 'class "aws_iam_role"' in error.sentence
    told.append(everything(error))


def test_role_of_a_record(roles: Bucket, ann: Person, bob: Person, told: list[str]) -> None:
    """A record that names a role has no secret, so reading it is enough."""
    roles.put("k", DATA)
    record = ann.add_role(ROLES)
    locator = ann.save(roles.url("k"), bob)
    assert read(ann.collection(locator), "f") == DATA
    error = denied("creds-missing", bob, locator)
    assert ROLES in error.sentence
    ann.share(record, bob, "can_read")
    assert soon(lambda: read(bob.collection(locator), "f")) == DATA
    told.append(everything(error))


def test_role_for_everybody(s3: S3, ann: Person, bob: Person, admin: Any, told: list[str]) -> None:
    """The cloud decides by the name that the server gives to each user."""
    cluster = admin.config()["ClusterID"]
    urls = {}
    for who in (ann, bob):
        folder = f"{cluster}:{who.user['uuid']}/"
        s3.put(FOLDERS, folder + "k", folder.encode())
        urls[who] = pb.Source(bucket=FOLDERS, key=folder + "k", path="f")
    locators = {}
    for who, other in ((ann, bob), (bob, ann)):
        made = who.collection()
        made.import_from_s3(urls[who])
        made.save_new(name="shared " + uuid.uuid4().hex)
        locators[who] = str(made.manifest_locator())
        who.share(locators[who], other, "can_read")
        assert read(who.collection(locators[who]), "f").decode().endswith(who.user["uuid"] + "/")
    for who, other in ((ann, bob), (bob, ann)):
        error = denied("s3-denied", who, locators[other])
        assert FOLDERS in error.sentence
        with pytest.raises(errors.DeniedError) as caught:
            who.collection().import_from_s3(urls[other])
        told += [everything(error), everything(caught.value)]


def test_two_equal_records(keys: Bucket, ann: Person, told: list[str]) -> None:
    keys.put("k", DATA)
    both = [ann.add_record(KEYS), ann.add_record(KEYS)]
    with pytest.raises(errors.DeniedError) as caught:
        ann.collection().import_from_s3(keys.url("k"))
    assert caught.value.word == "creds-ambiguous" and all(one in caught.value.sentence for one in both)
    told.append(everything(caught.value))


def test_most_specific_record(keys: Bucket, ann: Person) -> None:
    """Between a record for all buckets and one for this, there is no tie."""
    keys.put("k", DATA)
    ann.add_record(KEYS, scopes=["s3://*"], external_id="nobody", secret="wrong")
    ann.add_record(KEYS)
    assert read(ann.collection(ann.save(keys.url("k"))), "f") == DATA


def test_sharing_link(keys: Bucket, bucket: Bucket, ann: Person, admin: Any, told: list[str]) -> None:
    """A token of a sharing link has no rights of its own; what the server reads for all, it reads."""
    keys.put("k", DATA)
    bucket.put("k", DATA)
    ann.add_record(KEYS)
    own, common = ann.save(keys.url("k")), ann.save(bucket.url("k"))
    scopes = [f"GET /arvados/v1/collections/{one}" for one in (own, common)]
    scopes += ["GET /arvados/v1/keep_services/accessible", "GET /discovery/"]
    link = Person(admin, ann.user, client(token_for(admin, ann.user["uuid"], scopes=scopes)))
    assert read(link.collection(common), "f") == DATA
    error = denied("scope-needed", link, own)
    assert "sharing link" in error.sentence and KEYS in error.sentence
    told.append(everything(error))


def test_locator_of_another_user(keys: Bucket, ann: Person, bob: Person) -> None:
    """A locator that leaked, and a warm cache of another client of this process, open nothing."""
    keys.put("k", DATA)
    ann.add_record(KEYS)
    text = ann.collection(ann.save(keys.url("k"))).manifest_text()
    locator = text.split()[1]
    assert ann.keep.get(locator) == DATA
    for form in (locator, locator.split("+A")[0]):
        with pytest.raises(errors.Error):
            bob.keep.get(form, num_retries=0)
        with pytest.raises(errors.Error):
            pb.KeepClient(api_client=bob.api).read_range(form, 5, 10, num_retries=0)
        assert bob.keep.get_from_cache(form) is None
    pb.enable()
    with contextlib.suppress(errors.Error):
        assert not bob.keep.get(locator, num_retries=0)
    assert ann.keep.get(locator) == DATA
