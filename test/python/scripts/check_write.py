# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

import os
import unittest

import arvados
import arvados.collection
import arvados.errors

from support import OBJECTS, client, import_manifest, paths, person, read, sha256, token_for


class Write(unittest.TestCase):
    def setUp(self):
        _, self.token = person()
        self.api = client(self.token)

    def test_write_and_read(self):
        c = arvados.collection.Collection(api_client=self.api)
        big = os.urandom((64 << 20) + 5000)
        with c.open("big", "wb") as f:
            f.write(big)
        with c.open("folder/small file", "w") as f:
            f.write("text")
        c.save_new(name="written")
        got = arvados.collection.CollectionReader(c.manifest_locator(), api_client=client(self.token))
        self.assertEqual(sha256(big), sha256(read(got, "big")))
        with got.open("folder/small file") as f:
            self.assertEqual("text", f.read())
        self.assertEqual(["big", "folder/small file"], paths(got))

    def test_append_and_overwrite(self):
        c = arvados.collection.Collection(api_client=self.api)
        with c.open("f", "wb") as f:
            f.write(b"one")
        c.save_new(name="changing")
        before = c.portable_data_hash()
        with c.open("f", "ab") as f:
            f.write(b" two")
        c.save()
        self.assertNotEqual(before, c.portable_data_hash())
        got = arvados.collection.CollectionReader(c.manifest_locator(), api_client=self.api)
        self.assertEqual(b"one two", read(got, "f"))

    def test_mixed_with_references(self):
        c = arvados.collection.Collection(import_manifest(self.token), api_client=self.api)
        with c.open("README", "wb") as f:
            f.write(b"about the imported files")
        c.save_new(name="mixed")
        got = arvados.collection.CollectionReader(c.manifest_locator(), api_client=client(self.token))
        for path, o in OBJECTS.items():
            self.assertEqual(o["sha256"], sha256(read(got, path)), path)
        self.assertEqual(b"about the imported files", read(got, "README"))

    def test_signatures_of_another_token(self):
        c = arvados.collection.Collection(api_client=self.api)
        with c.open("f", "wb") as f:
            f.write(b"data")
        c.save_new(name="source")
        other = client(token_for(self.api.users().current().execute()["uuid"]))
        with self.assertRaises(arvados.errors.ApiError):
            arvados.collection.Collection(c.manifest_text(), api_client=other).save_new(name="copy", num_retries=0)
        # Loading it again with the other token gives signatures for that.
        text = other.collections().get(uuid=c.manifest_locator()).execute()["manifest_text"]
        copy = arvados.collection.Collection(text, api_client=other)
        copy.save_new(name="copy")
        self.assertEqual(c.portable_data_hash(), copy.portable_data_hash())
        self.assertEqual(b"data", read(copy, "f"))
