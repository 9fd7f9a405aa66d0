# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

import json
import os
import ssl
import unittest
import urllib.error
import urllib.request

import arvados
import arvados.errors

from support import admin, client, person, token_for


class Accounts(unittest.TestCase):
    def test_current_user_and_token(self):
        user, token = person()
        api = client(token)
        self.assertEqual(user["uuid"], api.users().current().execute()["uuid"])
        self.assertEqual(user["uuid"], api.users().get(uuid=user["uuid"]).execute()["uuid"])
        current = api.api_client_authorizations().current().execute()
        self.assertEqual(user["uuid"], current["owner_uuid"])
        self.assertEqual(["all"], current["scopes"])
        self.assertTrue(admin().users().current().execute()["is_admin"])

    def test_unknown_token(self):
        with self.assertRaises(arvados.errors.ApiError) as caught:
            client("v2/zzzzz-gj3su-000000000000000/nonsense").users().current().execute()
        self.assertEqual(401, caught.exception.resp.status)

    def test_only_administrators_add_users(self):
        _, token = person()
        with self.assertRaises(arvados.errors.ApiError) as caught:
            client(token).users().create(body={"user": {"email": "x@example.org"}}).execute(num_retries=0)
        self.assertEqual(403, caught.exception.resp.status)

    def test_scoped_token(self):
        user, _ = person()
        api = client(token_for(user["uuid"], scopes=["GET /arvados/v1/collections/"]))
        self.assertEqual(user["uuid"], api.api_client_authorizations().current().execute()["owner_uuid"])
        with self.assertRaises(arvados.errors.ApiError) as caught:
            api.users().current().execute(num_retries=0)
        self.assertEqual(403, caught.exception.resp.status)

    def test_expired_token(self):
        user, _ = person()
        with self.assertRaises(arvados.errors.ApiError) as caught:
            client(token_for(user["uuid"], expires_at="2020-01-01T00:00:00Z")).users().current().execute()
        self.assertEqual(401, caught.exception.resp.status)

    def test_inactive_user(self):
        _, token = person(is_active=False)
        with self.assertRaises(arvados.errors.ApiError) as caught:
            client(token).collections().create(body={"name": "x"}).execute(num_retries=0)
        self.assertEqual(403, caught.exception.resp.status)


class Discovery(unittest.TestCase):
    def test_document(self):
        doc = admin()._rootDesc
        self.assertEqual("v1", doc["version"])
        self.assertEqual(True, doc["pseudoBlocks"])
        self.assertEqual(128 << 20, doc["maxRequestSize"])
        self.assertEqual(5, len(doc["uuidPrefix"]))

    def test_config(self):
        api = admin()
        config = api.config()
        self.assertEqual(api._rootDesc["uuidPrefix"], config["ClusterID"])
        self.assertTrue(config["StorageClasses"]["default"]["Default"])
        self.assertEqual({}, api.vocabulary())

    def test_keep_services(self):
        services = admin().keep_services().accessible().execute()["items"]
        self.assertEqual(1, len(services))
        self.assertEqual(os.environ["TEST_KEEP_URL"], "http://%(service_host)s:%(service_port)d" % services[0])

    def test_no_trust_without_the_certificate(self):
        url = "https://%s/discovery/v1/apis/arvados/v1/rest" % os.environ["ARVADOS_API_HOST"]
        with self.assertRaises(urllib.error.URLError):
            urllib.request.urlopen(url, context=empty_trust())
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with urllib.request.urlopen(url, context=context) as reply:
            self.assertEqual("arvados", json.load(reply)["name"])


def empty_trust():
    """Trusts nobody."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
