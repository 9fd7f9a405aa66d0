# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

import os
import tempfile
import unittest

import arvados
import arvados.collection

from support import client, command, paths, person, read, sha256


class Put(unittest.TestCase):
    def setUp(self):
        self.user, self.token = person()
        self.api = client(self.token)
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.files = {"one": b"1", "sub/two words": os.urandom(100000), "sub/empty": b"", "big": os.urandom((64 << 20) + 1)}
        for path, data in self.files.items():
            name = os.path.join(self.folder.name, path)
            os.makedirs(os.path.dirname(name), exist_ok=True)
            with open(name, "wb") as f:
                f.write(data)

    def put(self, *args):
        got = command(self.token, "arv-put", "--no-progress", *args)
        self.assertEqual(0, got.returncode, got.stderr)
        return got.stdout.decode().strip()

    def same(self, uuid):
        got = arvados.collection.CollectionReader(uuid, api_client=client(self.token))
        self.assertEqual(sorted(self.files), sorted(paths(got)))
        for path, data in self.files.items():
            self.assertEqual(sha256(data), sha256(read(got, path)), path)

    def test_put_and_get(self):
        uuid = self.put("--name", "a folder", self.folder.name + "/")
        self.same(uuid)
        self.assertEqual("a folder", self.api.collections().get(uuid=uuid).execute()["name"])
        with tempfile.TemporaryDirectory() as target:
            got = command(self.token, "arv-get", "--no-progress", uuid + "/", target + "/")
            self.assertEqual(0, got.returncode, got.stderr)
            for path, data in self.files.items():
                with open(os.path.join(target, path), "rb") as f:
                    self.assertEqual(data, f.read(), path)

    def test_into_a_project(self):
        project = self.api.groups().create(body={"group": {"group_class": "project", "name": "p"}}).execute()
        uuid = self.put("--project-uuid", project["uuid"], self.folder.name + "/")
        self.assertEqual(project["uuid"], self.api.collections().get(uuid=uuid).execute()["owner_uuid"])

    def test_again_and_update(self):
        first = self.put("--portable-data-hash", self.folder.name + "/")
        uuid = self.put(self.folder.name + "/")
        self.assertEqual(first, self.api.collections().get(uuid=uuid).execute()["portable_data_hash"])
        self.files["added"] = b"more"
        with open(os.path.join(self.folder.name, "added"), "wb") as f:
            f.write(b"more")
        self.assertEqual(uuid, self.put("--update-collection", uuid, self.folder.name + "/"))
        self.same(uuid)

    def test_one_file(self):
        uuid = self.put("--filename", "other name", os.path.join(self.folder.name, "one"))
        got = arvados.collection.CollectionReader(uuid, api_client=self.api)
        self.assertEqual(["other name"], paths(got))

    def test_other_programs(self):
        """The manifest, a stream from standard input, and a file from a bare block."""
        text = self.put("--stream", self.folder.name + "/")
        self.assertIn("+A", text)
        got = command(self.token, "arv-put", "--no-progress", "--filename", "from stdin", "-", input=b"piped")
        self.assertEqual(0, got.returncode, got.stderr)
        uuid = got.stdout.decode().strip()
        self.assertEqual(b"piped", read(arvados.collection.CollectionReader(uuid, api_client=self.api), "from stdin"))
        block = self.api.collections().get(uuid=uuid).execute()["manifest_text"].split()[1]
        got = command(self.token, "arv-get", block)
        self.assertEqual((0, b"piped"), (got.returncode, got.stdout), got.stderr)
        got = command(self.token, "arv-normalize", input=text.encode() + b"\n")
        self.assertEqual(0, got.returncode, got.stderr)
        self.assertEqual(sorted(text.split()), sorted(got.stdout.decode().split()))

    def test_refused(self):
        """A token that is revoked between the start and the end."""
        made = self.api.api_client_authorizations().create(body={"scopes": ["all"]}).execute()
        token = "v2/%s/%s" % (made["uuid"], made["api_token"])
        self.api.api_client_authorizations().delete(uuid=made["uuid"]).execute()
        got = command(token, "arv-put", "--no-progress", "--retries", "0", self.folder.name + "/")
        self.assertNotEqual(0, got.returncode)
        self.assertIn("401", got.stderr.decode())
