# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

import io
import os
import random
import sys
import tempfile
import threading
import unittest

import arvados
import arvados.collection
import arvados.errors
import arvados.keep

from support import BUCKET, OBJECTS, client, command, import_manifest, paths, person, read, sha256


class Content(unittest.TestCase):
    """A content-form collection imported from S3, read by the stock client."""

    @classmethod
    def setUpClass(cls):
        cls.user, cls.token = person()
        cls.api = client(cls.token)
        made = arvados.collection.Collection(import_manifest(cls.token), api_client=cls.api)
        made.save_new(name="content form")
        cls.uuid, cls.hash = made.manifest_locator(), made.portable_data_hash()

    def open(self):
        return arvados.collection.CollectionReader(self.uuid, api_client=self.api)

    def same(self, collection):
        want = {path: (o["size"], o["sha256"]) for path, o in OBJECTS.items()}
        data = {path: read(collection, path) for path in paths(collection)}
        self.assertEqual(want, {path: (len(d), sha256(d)) for path, d in data.items()})

    def test_all_files(self):
        self.same(self.open())

    def test_by_portable_data_hash(self):
        self.same(arvados.collection.CollectionReader(self.hash, api_client=self.api))

    def test_two_blocks(self):
        text = self.open().manifest_text()
        self.assertIn("+67108864+B", text)
        self.assertEqual(text.count("+Vmd5"), len([o for o in OBJECTS.values() if o["size"]]) + 1)

    def test_seek_and_read(self):
        path, size = "two blocks.bin", OBJECTS["two blocks.bin"]["size"]
        with self.open().open(path, "rb") as f:
            whole = f.read()
        self.assertEqual(OBJECTS[path]["sha256"], sha256(whole))
        source = random.Random(1)
        with self.open().open(path, "rb") as f:
            for offset in [0, size - 1, size, (64 << 20) - 10] + [source.randrange(size) for _ in range(20)]:
                f.seek(offset)
                self.assertEqual(whole[offset:offset + 100], f.read(100))
            f.seek(-7, os.SEEK_END)
            self.assertEqual(whole[-7:], f.read())
            self.assertEqual(size, f.tell())
            self.assertEqual(whole[5:10], f.readfrom(5, 5))

    def test_text_mode(self):
        with self.open().open("sub/x", "r", encoding="latin-1") as f:
            self.assertIsInstance(f, io.TextIOWrapper)
            self.assertEqual(OBJECTS["sub/x"]["sha256"], sha256(f.read().encode("latin-1")))

    def test_copy_between_collections(self):
        target = arvados.collection.Collection(api_client=self.api)
        target.copy("sub", "copied/sub", source_collection=self.open())
        target.copy("a b.txt", "renamed.txt", source_collection=self.open())
        target.save_new(name="copies", properties={"from": self.uuid})
        got = arvados.collection.CollectionReader(target.manifest_locator(), api_client=self.api)
        for path, source in {"renamed.txt": "a b.txt", "copied/sub/x": "sub/x", "copied/sub/deep/caf\u00e9.bin": "sub/deep/caf\u00e9.bin"}.items():
            self.assertEqual(OBJECTS[source]["sha256"], sha256(read(got, path)), path)
        again = arvados.collection.Collection(target.manifest_locator(), api_client=self.api)
        again.rename("renamed.txt", "once more")
        again.remove("copied", recursive=True)
        again.save()
        got = arvados.collection.CollectionReader(target.manifest_locator(), api_client=self.api)
        self.assertEqual(["once more"], paths(got))
        self.assertEqual(OBJECTS["a b.txt"]["sha256"], sha256(read(got, "once more")))

    def test_shared_with_another(self):
        bob, token = person()
        with self.assertRaises(arvados.errors.ApiError) as caught:
            arvados.collection.CollectionReader(self.uuid, api_client=client(token), num_retries=0)
        self.assertEqual(404, caught.exception.resp.status)
        self.api.links().create(body={"link": {"link_class": "permission", "name": "can_read",
                                               "tail_uuid": bob["uuid"], "head_uuid": self.uuid}}).execute()
        self.same(arvados.collection.CollectionReader(self.uuid, api_client=client(token)))
        # What is signed for one is no use to the other.
        stolen = arvados.collection.Collection(self.open().manifest_text(), api_client=client(token))
        with self.assertRaises(arvados.errors.ApiError) as caught:
            stolen.save_new(name="stolen", num_retries=0)
        self.assertEqual(403, caught.exception.resp.status)
        with self.assertRaises(arvados.errors.KeepReadError):
            keep = arvados.keep.KeepClient(api_client=client(token), num_retries=0, block_cache=arvados.keep.KeepBlockCache())
            keep.get(next(w for w in self.open().manifest_text().split() if "+Vmd5" in w))

    def test_many_readers(self):
        errors = []

        def check(path):
            try:
                reader = arvados.collection.CollectionReader(self.uuid, api_client=client(self.token))
                if sha256(read(reader, path)) != OBJECTS[path]["sha256"]:
                    errors.append(path)
            except Exception as e:
                errors.append(repr(e))
        threads = [threading.Thread(target=check, args=(path,)) for path in OBJECTS for _ in range(2)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual([], errors)

    def test_arv_ls(self):
        got = command(self.token, "arv-ls", "-s", self.uuid)
        self.assertEqual(0, got.returncode, got.stderr)
        sizes = {}
        for line in got.stdout.decode().splitlines():
            size, _, path = line.strip().partition(" ")
            sizes[path] = int(size)
        # arv-ls counts in KiB, rounded up.
        self.assertEqual({"./" + path: (o["size"] + 1023) // 1024 for path, o in OBJECTS.items()}, sizes)

    def test_arv_get(self):
        with tempfile.TemporaryDirectory() as folder:
            got = command(self.token, "arv-get", "--no-progress", self.uuid + "/", folder + "/")
            self.assertEqual(0, got.returncode, got.stderr)
            for path, o in OBJECTS.items():
                with open(os.path.join(folder, path), "rb") as f:
                    self.assertEqual(o["sha256"], sha256(f.read()), path)
        got = command(self.token, "arv-get", self.hash + "/a b.txt", "-")
        self.assertEqual((0, OBJECTS["a b.txt"]["sha256"]), (got.returncode, sha256(got.stdout)), got.stderr)
        got = command(self.token, "arv-get", self.uuid)
        self.assertEqual(0, got.returncode, got.stderr)
        self.assertIn("+Vmd5", got.stdout.decode())

    def test_arv_get_of_nothing(self):
        got = command(self.token, "arv-get", "--retries", "0", self.uuid + "/absent", "-")
        self.assertNotEqual(0, got.returncode)
        got = command(self.token, "arv-get", "--retries", "0", self.uuid[:-15] + "a" * 15 + "/x", "-")
        self.assertNotEqual(0, got.returncode)
        self.assertIn("404", got.stderr.decode())

    def test_example_of_the_documentation(self):
        here = os.path.dirname(os.path.abspath(__file__))
        with open(os.path.join(here, "../../../docs/clients.md")) as f:
            example = f.read().split("```python\n")[1].split("```")[0]
        self.assertIn("s3://bucket/prefix/", example)
        got = command(self.token, sys.executable, "-c", example.replace("bucket/prefix", BUCKET + "/data"))
        self.assertEqual(0, got.returncode, got.stderr)
        self.same(arvados.collection.CollectionReader(got.stdout.decode().strip(), api_client=self.api))

    def test_arv_copy(self):
        """Within one cluster it makes a new record; the blocks stay where they are."""
        project = self.api.groups().create(body={"group": {"group_class": "project", "name": "copies"}}).execute()
        for source in (self.uuid, self.hash):
            got = command(self.token, "arv-copy", "--no-progress", "--project-uuid", project["uuid"], source)
            self.assertEqual(0, got.returncode, got.stderr)
        copy = got.stdout.decode().strip()
        self.assertEqual(project["uuid"], self.api.collections().get(uuid=copy).execute()["owner_uuid"])
        self.same(arvados.collection.CollectionReader(copy, api_client=self.api))

    def test_other_forms_fail_and_give_nothing_wrong(self):
        """The client checks the MD5, which only content form has. With the setting auto and
        an API server that knows references, it is the client that says no."""
        for form in ("opaque", "derived"):
            c = arvados.collection.Collection(import_manifest(self.token, form, "data/a b.txt"), api_client=self.api)
            c.save_new(name=form)
            text = self.api.collections().get(uuid=c.manifest_locator()).execute()["manifest_text"]
            keep = arvados.keep.KeepClient(api_client=self.api, num_retries=0, block_cache=arvados.keep.KeepBlockCache())
            with self.assertRaises(arvados.errors.KeepReadError) as caught:
                keep.get(text.split()[1])
            self.assertIn("Checksum fail", str(caught.exception))
