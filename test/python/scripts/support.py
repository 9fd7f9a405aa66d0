# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""What the tests share. Nothing here changes the client."""

import hashlib
import json
import os
import subprocess
import urllib.request
import uuid

import arvados
import arvados.arvfile

BUCKET = os.environ["TEST_BUCKET"]
KEEP_URL = os.environ["TEST_KEEP_URL"]

with open(os.environ["TEST_OBJECTS"]) as f:
    OBJECTS = json.load(f)

EMPTY_BLOCK = "d41d8cd98f00b204e9800998ecf8427e+0"
EMPTY_MANIFEST = ". " + EMPTY_BLOCK + " 0:0:empty.txt\n"


def admin():
    """A new API client of the first user, who is an administrator."""
    return arvados.api("v1")


def client(token):
    """A new API client with another token."""
    insecure = os.environ.get("ARVADOS_API_HOST_INSECURE") == "1"
    return arvados.api("v1", host=os.environ["ARVADOS_API_HOST"], token=token, insecure=insecure)


def person(**settings):
    """A new user and its token."""
    name = "u" + uuid.uuid4().hex[:12]
    api = admin()
    body = {"user": dict({"email": name + "@example.org", "first_name": name, "is_active": True}, **settings)}
    user = api.users().create(body=body).execute()
    return user, token_for(user["uuid"])


def token_for(owner, **settings):
    body = {"api_client_authorization": dict({"owner_uuid": owner}, **settings)}
    made = admin().api_client_authorizations().create(body=body).execute()
    return "v2/%s/%s" % (made["uuid"], made["api_token"])


def import_manifest(token, form="content", path="data/"):
    """The signed manifest text of an import from S3."""
    body = json.dumps({"sources": [{"url": "s3://%s/%s" % (BUCKET, path)}], "form": form}).encode()
    request = urllib.request.Request(KEEP_URL + "/s3/import", data=body, headers={
        "Authorization": "Bearer " + token, "Content-Type": "application/json", "Accept": "text/plain"})
    with urllib.request.urlopen(request) as reply:
        return reply.read().decode()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def paths(collection, prefix=""):
    """The paths of all files of a collection, in order."""
    found = []
    for name in sorted(collection):
        if isinstance(collection[name], arvados.arvfile.ArvadosFile):
            found.append(prefix + name)
        else:
            found += paths(collection[name], prefix + name + "/")
    return found


def read(collection, path):
    with collection.open(path, "rb") as f:
        return f.read()


def command(token, *args, **options):
    """Runs a program of the client with the token."""
    env = dict(os.environ, ARVADOS_API_TOKEN=token)
    return subprocess.run(args, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, **options)
