# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

import datetime
import re
import unittest
import uuid

import arvados
import arvados.collection
import arvados.errors
import arvados.util

from support import EMPTY_BLOCK, EMPTY_MANIFEST, client, person

FOO = "acbd18db4cc2f85cedef654fccc4a4d8+3"


class Collections(unittest.TestCase):
    def setUp(self):
        self.user, self.token = person()
        self.api = client(self.token)

    def fails(self, status, request):
        with self.assertRaises(arvados.errors.ApiError) as caught:
            request.execute(num_retries=0)
        self.assertEqual(status, caught.exception.resp.status, str(caught.exception))
        return str(caught.exception)

    def make(self, **attributes):
        return self.api.collections().create(body=dict({"manifest_text": EMPTY_MANIFEST}, **attributes)).execute()

    def names(self, **query):
        return sorted(c["name"] for c in self.api.collections().list(**query).execute()["items"])

    def test_create_and_get(self):
        made = self.make(name="first", properties={"colour": "red"}, description="text")
        self.assertRegex(made["uuid"], arvados.util.collection_uuid_pattern)
        self.assertEqual("e2d9e00afdaee320118cec2e5963163e+51", made["portable_data_hash"])
        self.assertEqual(self.user["uuid"], made["owner_uuid"])
        got = self.api.collections().get(uuid=made["uuid"]).execute()
        for key in ("name", "properties", "description", "portable_data_hash", "file_count", "file_size_total", "version"):
            self.assertEqual(made[key], got[key], key)
        self.assertEqual([1, 0, 1], [got["file_count"], got["file_size_total"], got["version"]])
        signed = r"\. " + re.escape(EMPTY_BLOCK) + r"\+A[0-9a-f]{40}@[0-9a-f]{8} 0:0:empty\.txt\n"
        self.assertRegex(got["manifest_text"], "^" + signed + "$")
        by_hash = self.api.collections().get(uuid=made["portable_data_hash"]).execute()
        self.assertEqual(made["portable_data_hash"], by_hash["uuid"])
        self.assertRegex(by_hash["manifest_text"], "^" + signed + "$")

    def test_bad_manifests(self):
        self.fails(422, self.api.collections().create(body={"manifest_text": EMPTY_MANIFEST.strip()}))
        self.fails(422, self.api.collections().create(body={"manifest_text": "nonsense\n"}))
        self.fails(422, self.api.collections().create(body={"manifest_text": ". " + EMPTY_BLOCK + " 0:0:../x\n"}))
        self.fails(422, self.api.collections().create(body={"manifest_text": EMPTY_MANIFEST, "portable_data_hash": "0" * 32 + "+51"}))
        self.make(portable_data_hash="e2d9e00afdaee320118cec2e5963163e+1")

    def test_blocks_need_signatures(self):
        text = ". " + FOO + " 0:3:foo\n"
        self.fails(403, self.api.collections().create(body={"manifest_text": text}))
        self.fails(403, self.api.collections().create(body={"manifest_text": text.replace(" 0", "+A" + "0" * 40 + "@7fffffff 0", 1)}))

    def test_names(self):
        self.make(name="same")
        self.assertIn("UniqueViolation", self.fails(422, self.api.collections().create(body={"manifest_text": "", "name": "same"})))
        other = self.api.collections().create(ensure_unique_name=True, body={"manifest_text": "", "name": "same"}).execute()
        self.assertRegex(other["name"], r"^same \(\d{4}-\d\d-\d\dT")

    def test_update(self):
        made = self.make(name="old")
        changed = self.api.collections().update(uuid=made["uuid"], body={"collection": {"name": "new", "manifest_text": ""}}).execute()
        self.assertEqual(["new", "d41d8cd98f00b204e9800998ecf8427e+0", 0], [changed["name"], changed["portable_data_hash"], changed["file_count"]])
        self.assertGreaterEqual(changed["modified_at"], made["modified_at"])
        self.fails(422, self.api.collections().update(uuid=made["uuid"], body={"colour": "red"}))

    def test_list(self):
        for i in range(5):
            self.make(name="item %d" % i, properties={"n": i, "tags": ["x", "y%d" % i]})
        self.assertEqual(["item %d" % i for i in range(5)], self.names())
        self.assertEqual(["item 1"], self.names(filters=[["name", "=", "item 1"]]))
        self.assertEqual(["item 1", "item 2"], self.names(filters=[["name", "in", ["item 1", "item 2"]]]))
        self.assertEqual(5, len(self.names(filters=[["name", "like", "item%"]])))
        self.assertEqual(0, len(self.names(filters=[["name", "like", "ITEM%"]])))
        self.assertEqual(5, len(self.names(filters=[["name", "ilike", "ITEM%"]])))
        self.assertEqual(5, len(self.names(filters=[["properties", "exists", "n"]])))
        self.assertEqual(["item 3"], self.names(filters=[["properties", "contains", {"n": 3}]]))
        self.assertEqual(["item 3"], self.names(filters=[["properties", "contains", {"tags": ["y3", "x"]}]]))
        self.assertEqual(["item 3"], self.names(filters=[["properties.n", "=", 3]]))
        self.assertEqual(["item 3", "item 4"], self.names(filters=[["properties.n", ">", 2]]))
        page = self.api.collections().list(order=["name desc"], limit=2, offset=1, select=["name"]).execute()
        self.assertEqual(["item 3", "item 2"], [c["name"] for c in page["items"]])
        self.assertEqual({"name", "kind"}, set(page["items"][0]))
        self.assertEqual(5, page["items_available"])
        self.assertNotIn("manifest_text", self.api.collections().list().execute()["items"][0])
        self.assertIn("+A", self.api.collections().list(select=["manifest_text"]).execute()["items"][0]["manifest_text"])
        self.assertNotIn("items_available", self.api.collections().list(count="none").execute())
        self.fails(422, self.api.collections().list(filters=[["manifest_text", "=", "x"]]))
        self.assertEqual(5, len(list(arvados.util.keyset_list_all(self.api.collections().list, limit=2))))

    def test_trash(self):
        made = self.make(name="trashed")
        self.api.collections().delete(uuid=made["uuid"]).execute()
        self.assertEqual([], self.names())
        self.fails(404, self.api.collections().get(uuid=made["uuid"]))
        self.fails(404, self.api.collections().get(uuid=made["portable_data_hash"]))
        trashed = self.api.collections().get(uuid=made["uuid"], include_trash=True).execute()
        self.assertTrue(trashed["is_trashed"])
        self.assertNotIn("+A", trashed["manifest_text"])
        self.assertEqual(["trashed"], self.names(include_trash=True))
        self.make(name="trashed")
        self.fails(422, self.api.collections().untrash(uuid=made["uuid"]))
        self.api.collections().untrash(uuid=made["uuid"], ensure_unique_name=True).execute()
        self.assertEqual(2, len(self.names()))

    def test_trash_at(self):
        soon = datetime.datetime.utcnow() + datetime.timedelta(hours=1)
        made = self.make(name="fleeting", trash_at=soon.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
        self.assertFalse(made["is_trashed"])
        expiry = int(re.search(r"\+A[0-9a-f]{40}@([0-9a-f]{8})", made["manifest_text"])[1], 16)
        self.assertAlmostEqual(expiry, soon.replace(tzinfo=datetime.timezone.utc).timestamp(), delta=2)

    def test_versions(self):
        made = self.make(name="v1", preserve_version=True)
        self.api.collections().update(uuid=made["uuid"], body={"name": "v2"}).execute()
        got = self.api.collections().get(uuid=made["uuid"]).execute()
        self.assertEqual([2, "v2"], [got["version"], got["name"]])
        self.assertEqual(["v2"], self.names())
        old = self.api.collections().list(include_old_versions=True, filters=[
            ["current_version_uuid", "=", made["uuid"]], ["version", "=", 1]]).execute()["items"]
        self.assertEqual(["v1"], [c["name"] for c in old])
        self.fails(422, self.api.collections().update(uuid=old[0]["uuid"], body={"name": "v3"}))

    def test_collection_class(self):
        c = arvados.collection.Collection(api_client=self.api)
        name = "by class " + uuid.uuid4().hex
        c.mkdirs("some/folder")
        c.save_new(name=name, properties={"k": "v"}, storage_classes=["default"])
        again = arvados.collection.Collection(c.manifest_locator(), api_client=self.api)
        self.assertTrue(again.exists("some/folder"))
        self.assertEqual({"k": "v"}, again.get_properties())
        self.assertEqual(c.portable_data_hash(), again.portable_data_hash())
        again.mkdirs("more")
        again.save(preserve_version=True)
        c.update()
        self.assertTrue(c.exists("more"))
        c.remove("some", recursive=True)
        c.save()
        self.assertFalse(arvados.collection.CollectionReader(c.manifest_locator(), api_client=self.api).exists("some"))
