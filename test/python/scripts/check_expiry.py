# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

import re
import time
import unittest

import arvados
import arvados.collection
import arvados.errors
import arvados.keep

from support import OBJECTS, client, import_manifest, person, read, sha256


class Expiry(unittest.TestCase):
    """Signatures that have expired, and how a client gets new ones."""

    @classmethod
    def setUpClass(cls):
        """A collection of an ordinary block and of references, long ago."""
        _, cls.token = person()
        cls.api = client(cls.token)
        made = arvados.collection.Collection(import_manifest(cls.token, path="data/sub/"), api_client=cls.api)
        with made.open("written", "wb") as f:
            f.write(b"ordinary")
        made.save_new(name="soon to expire")
        cls.uuid = made.manifest_locator()
        cls.old = cls.manifest()
        end = max(int(digits, 16) for digits in re.findall(r"\+A[0-9a-f]{40}@([0-9a-f]{8})", cls.old))
        while time.time() <= end + 1:
            time.sleep(0.2)

    @classmethod
    def manifest(cls):
        return cls.api.collections().get(uuid=cls.uuid).execute()["manifest_text"]

    def get(self, block):
        return arvados.keep.KeepClient(api_client=self.api, num_retries=0, block_cache=arvados.keep.KeepBlockCache()).get(block)

    def test_blocks(self):
        blocks = [word for word in self.old.split() if "+A" in word]
        self.assertEqual(4, len(blocks))
        for block in blocks:
            with self.assertRaises(arvados.errors.KeepReadError) as caught:
                self.get(block)
            self.assertRegex(str(caught.exception), "responded with 401")
        for block in self.manifest().split():
            if "+A" in block:
                self.get(block)

    def test_saving(self):
        with self.assertRaises(arvados.errors.ApiError) as caught:
            arvados.collection.Collection(self.old, api_client=self.api).save_new(name="late", num_retries=0)
        self.assertEqual(403, caught.exception.resp.status)
        arvados.collection.Collection(self.manifest(), api_client=self.api).save_new(name="in time", num_retries=0)

    def test_opened_again(self):
        again = arvados.collection.CollectionReader(self.uuid, api_client=self.api)
        self.assertEqual(OBJECTS["sub/x"]["sha256"], sha256(read(again, "x")))
        self.assertEqual(b"ordinary", read(again, "written"))
