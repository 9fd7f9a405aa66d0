# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

import unittest

import arvados
import arvados.collection
import arvados.errors
import arvados.keep

from support import OBJECTS, client, import_manifest, person, sha256


class Refused(unittest.TestCase):
    """Blocks whose hash is no MD5 are not given to clients that would check it."""

    def read(self, form):
        _, token = person()
        api = client(token)
        c = arvados.collection.Collection(import_manifest(token, form, "data/a b.txt"), api_client=api)
        c.save_new(name=form)
        keep = arvados.keep.KeepClient(api_client=api, num_retries=0, block_cache=arvados.keep.KeepBlockCache())
        text = arvados.collection.CollectionReader(c.manifest_locator(), api_client=api).manifest_text()
        return keep.get(text.split()[1], num_retries=0)

    def test_content_form(self):
        self.assertEqual(OBJECTS["a b.txt"]["sha256"], sha256(self.read("content")))

    def test_opaque_and_derived(self):
        for form in ("opaque", "derived"):
            with self.assertRaises(arvados.errors.KeepReadError) as caught:
                self.read(form)
            # 422 is for ever: the client must not have tried again.
            self.assertIn("422", str(caught.exception), form)
