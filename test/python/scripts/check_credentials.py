# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

import datetime
import unittest
import uuid

import arvados.errors

from support import admin, client, person


def attributes(**changes):
    """A record that every rule allows; names are unique in a cluster."""
    record = {
        "name": "keys " + uuid.uuid4().hex, "credential_class": "arv:aws_access_key", "scopes": ["s3://lab-raw"],
        "external_id": "AKIAEXAMPLE", "secret": "topsecret", "expires_at": "2099-01-31T00:00:00Z",
    }
    record.update(changes)
    return record


def create(api, **changes):
    return api.credentials().create(body={"credential": attributes(**changes)}).execute(num_retries=0)


class Credentials(unittest.TestCase):
    def setUp(self):
        self.user, token = person()
        self.api = client(token)

    def refused(self, status, call):
        with self.assertRaises(arvados.errors.ApiError) as caught:
            call.execute(num_retries=0)
        self.assertEqual(status, caught.exception.resp.status)
        return str(caught.exception)

    def test_create_get_list_update_delete(self):
        made = create(self.api)
        self.assertNotIn("secret", made)
        self.assertEqual(made, self.api.credentials().get(uuid=made["uuid"]).execute())
        self.assertEqual([made], self.api.credentials().list().execute()["items"])
        changed = self.api.credentials().update(uuid=made["uuid"], body={"credential": {"scopes": ["s3://*"]}}).execute()
        self.assertEqual(["s3://*"], changed["scopes"])
        self.api.credentials().delete(uuid=made["uuid"]).execute()
        self.refused(404, self.api.credentials().get(uuid=made["uuid"]))

    def test_rules(self):
        for change in [{"scopes": []}, {"credential_class": "aws_access_key"}, {"credential_class": "arv:other"}, {"secret": ""}]:
            self.refused(422, self.api.credentials().create(body={"credential": attributes(**change)}))
        create(self.api, credential_class="aws_iam_role", external_id="arn:aws:iam::111122223333:role/readers")

    def test_lookup_of_a_workflow_runner(self):
        made = create(self.api)
        create(self.api, scopes=["s3://*"])
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=5)
        found = self.api.credentials().list(filters=[
            ["credential_class", "=", "arv:aws_access_key"], ["scopes", "contains", "s3://lab-raw"],
            ["expires_at", ">", soon.isoformat() + "Z"]], limit=2).execute()
        self.assertEqual([made["uuid"]], [item["uuid"] for item in found["items"]])

    def test_secret_is_hidden(self):
        made = create(self.api)
        self.assertIn("Cannot filter on 'secret'", self.refused(403, self.api.credentials().list(filters=[["secret", "=", "topsecret"]])))
        self.assertIn("Cannot order by 'secret'", self.refused(403, self.api.credentials().list(order="secret")))
        for api in [self.api, admin()]:
            self.assertIn("Token is not associated with a running container.",
                          self.refused(403, api.credentials().secret(uuid=made["uuid"])))

    def test_sharing(self):
        made = create(self.api)
        other, token = person()
        theirs = client(token)
        self.refused(404, theirs.credentials().get(uuid=made["uuid"]))
        self.refused(404, theirs.credentials().secret(uuid=made["uuid"]))
        link = self.api.links().create(body={"link": {
            "link_class": "permission", "name": "can_read", "tail_uuid": other["uuid"], "head_uuid": made["uuid"]}}).execute()
        self.assertEqual(made["uuid"], theirs.credentials().get(uuid=made["uuid"]).execute()["uuid"])
        self.refused(403, theirs.credentials().update(uuid=made["uuid"], body={"credential": {"scopes": ["s3://*"]}}))
        self.api.links().delete(uuid=link["uuid"]).execute()
        self.refused(404, theirs.credentials().get(uuid=made["uuid"]))
