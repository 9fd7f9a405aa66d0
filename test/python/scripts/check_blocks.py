# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

import hashlib
import re
import unittest

import arvados
import arvados.errors
import arvados.keep

from support import admin, client, person, token_for


class Blocks(unittest.TestCase):
    def keep(self, token):
        return arvados.keep.KeepClient(api_client=client(token), num_retries=0, block_cache=arvados.keep.KeepBlockCache())

    def test_put_and_get(self):
        _, token = person()
        for data in (b"", b"foo", b"x" * 100000, b"y" * (64 << 20)):
            locator = self.keep(token).put(data, copies=1)
            self.assertTrue(locator.startswith("%s+%d+A" % (hashlib.md5(data).hexdigest(), len(data))), locator)
            self.assertEqual(data, self.keep(token).get(locator))
            self.assertTrue(self.keep(token).head(locator))

    def test_signatures(self):
        user, token = person()
        locator = self.keep(token).put(b"secret", copies=1)
        other = token_for(user["uuid"])
        for bad in (re.sub(r"\+A.*", "", locator), re.sub(r"\+A.{40}", "+A" + "0" * 40, locator), re.sub(r"@.{8}", "@00000001", locator)):
            with self.assertRaises(arvados.errors.KeepReadError):
                self.keep(token).get(bad)
        with self.assertRaises(arvados.errors.KeepReadError):
            self.keep(other).get(locator)
        self.assertEqual(b"secret", self.keep(token).get(locator))

    def test_absent(self):
        """Only an administrator can store a block that is not there, and so get it signed."""
        api = admin()
        text = ". " + hashlib.md5(b"absent").hexdigest() + "+6 0:6:f\n"
        made = api.collections().create(body={"manifest_text": text}).execute()
        with self.assertRaises(arvados.errors.NotFoundError):
            self.keep(api.api_token).get(made["manifest_text"].split()[1])

    def test_too_large(self):
        _, token = person()
        with self.assertRaises(arvados.errors.KeepWriteError):
            self.keep(token).put(b"z" * ((64 << 20) + 1), copies=1)

    def test_more_copies_than_there_are_disks(self):
        """The one volume keeps one copy. The client is told, and says so."""
        _, token = person()
        with self.assertRaises(arvados.errors.KeepWriteError):
            self.keep(token).put(b"two copies", copies=2)

    def test_storage_classes(self):
        _, token = person()
        self.assertIn("+A", self.keep(token).put(b"class", copies=1, classes=["default"]))
        with self.assertRaises(arvados.errors.KeepWriteError):
            self.keep(token).put(b"class", copies=1, classes=["archive"])
