# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

import unittest

import arvados
import arvados.collection
import arvados.errors

from support import EMPTY_MANIFEST, client, person


class Sharing(unittest.TestCase):
    def setUp(self):
        self.ann, token = person()
        self.bob, bobs = person()
        self.api, self.bobs = client(token), client(bobs)

    def share(self, head, name, tail):
        body = {"link": {"link_class": "permission", "name": name, "tail_uuid": tail, "head_uuid": head}}
        return self.api.links().create(body=body).execute(num_retries=0)

    def fails(self, status, request):
        with self.assertRaises(arvados.errors.ApiError) as caught:
            request.execute(num_retries=0)
        self.assertEqual(status, caught.exception.resp.status, str(caught.exception))

    def project(self, api, **attributes):
        return api.groups().create(body={"group": dict({"group_class": "project"}, **attributes)}).execute(num_retries=0)

    def test_private_and_shared(self):
        made = self.api.collections().create(body={"manifest_text": EMPTY_MANIFEST, "name": "mine"}).execute()
        # Empty text: nobody else has this hash.
        self.fails(404, self.bobs.collections().get(uuid=made["uuid"]))
        link = self.share(made["uuid"], "can_read", self.bob["uuid"])
        self.assertEqual("mine", self.bobs.collections().get(uuid=made["uuid"]).execute()["name"])
        self.assertIn("+A", self.bobs.collections().get(uuid=made["portable_data_hash"]).execute()["manifest_text"])
        self.fails(403, self.bobs.collections().update(uuid=made["uuid"], body={"name": "bob's"}))
        self.fails(403, self.bobs.collections().delete(uuid=made["uuid"]))
        self.fails(403, self.bobs.links().delete(uuid=link["uuid"]))
        self.share(made["uuid"], "can_write", self.bob["uuid"])
        self.bobs.collections().update(uuid=made["uuid"], body={"name": "ours"}).execute()
        self.fails(403, self.bobs.links().create(body={"link": {
            "link_class": "permission", "name": "can_read", "tail_uuid": self.bob["uuid"], "head_uuid": made["uuid"]}}))
        for item in self.api.links().list(filters=[["head_uuid", "=", made["uuid"]]]).execute()["items"]:
            self.api.links().delete(uuid=item["uuid"]).execute()
        self.fails(404, self.bobs.collections().get(uuid=made["uuid"]))

    def test_projects(self):
        outer = self.project(self.api, name="outer")
        inner = self.project(self.api, name="inner", owner_uuid=outer["uuid"], properties={"a": 1})
        c = arvados.collection.Collection(api_client=self.api)
        c.mkdirs("d")
        c.save_new(name="inside", owner_uuid=inner["uuid"])
        self.fails(404, self.bobs.groups().get(uuid=inner["uuid"]))
        self.share(outer["uuid"], "can_read", self.bob["uuid"])
        self.assertEqual({"a": 1}, self.bobs.groups().get(uuid=inner["uuid"]).execute()["properties"])
        listed = self.bobs.collections().list(filters=[["owner_uuid", "=", inner["uuid"]]]).execute()["items"]
        self.assertEqual(["inside"], [item["name"] for item in listed])
        self.fails(403, self.bobs.collections().create(body={"manifest_text": "", "owner_uuid": inner["uuid"]}))
        self.fails(403, self.bobs.groups().update(uuid=inner["uuid"], body={"name": "x"}))
        self.fails(422, self.api.groups().delete(uuid=inner["uuid"]))
        self.share(outer["uuid"], "can_write", self.bob["uuid"])
        self.bobs.collections().create(body={"manifest_text": "", "owner_uuid": inner["uuid"]}).execute()
        self.fails(403, self.bobs.collections().create(body={"manifest_text": "", "owner_uuid": self.ann["uuid"]}))
        self.fails(403, self.bobs.groups().create(body={"group": {"group_class": "role", "name": "people"}}))

    def test_nothing_to_share(self):
        theirs = self.bobs.collections().create(body={"manifest_text": ""}).execute()
        with self.assertRaises(arvados.errors.ApiError):
            self.share(theirs["uuid"], "can_read", self.ann["uuid"])
        with self.assertRaises(arvados.errors.ApiError):
            self.share(self.bob["uuid"], "can_manage", self.ann["uuid"])
