# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

import unittest

import arvados.errors

from check_credentials import create
from support import admin, client, person


class Secrets(unittest.TestCase):
    """Before a server that releases secrets to those who manage them."""

    def test_own_secret(self):
        _, token = person()
        api = client(token)
        made = create(api)
        got = api.credentials().secret(uuid=made["uuid"]).execute()
        self.assertEqual({"external_id": "AKIAEXAMPLE", "secret": "topsecret"}, got)

    def test_not_of_others(self):
        _, token = person()
        made = create(client(token))
        with self.assertRaises(arvados.errors.ApiError) as caught:
            admin().credentials().secret(uuid=made["uuid"]).execute(num_retries=0)
        self.assertEqual(403, caught.exception.resp.status)

    def test_not_after_the_end(self):
        _, token = person()
        api = client(token)
        made = create(api, expires_at="2020-01-01T00:00:00Z")
        with self.assertRaises(arvados.errors.ApiError) as caught:
            api.credentials().secret(uuid=made["uuid"]).execute(num_retries=0)
        self.assertIn("Credential has expired.", str(caught.exception))
