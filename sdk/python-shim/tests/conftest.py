# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""What the tests share: a running keepstore with an API server, before a real S3
server. ``go test ./test/python -run Shim`` starts them and sets the environment."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import random
import subprocess
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import arvados
import arvados.config
import arvados.keep
import pytest
from s3 import S3

import arvados_pseudoblock as pb

REPOSITORY = Path(__file__).resolve().parents[3]
VECTORS = REPOSITORY / "testdata" / "vectors"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


@pytest.fixture(autouse=True)
def no_shared_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A home of its own for each test, and the stock classes as they were after it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    yield
    while pb.is_enabled():
        pb.disable()


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries follow at once."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


@pytest.fixture(scope="session")
def s3() -> S3:
    client = S3()
    client.make_bucket(os.environ["TEST_BUCKET"], versioned=True)
    client.make_bucket(os.environ["TEST_BUCKET_PLAIN"], versioned=False)
    client.make_bucket(os.environ["TEST_BUCKET_CLOSED"], versioned=True)
    return client


@pytest.fixture
def prefix() -> str:
    """A prefix that no other test uses."""
    return "t-" + uuid.uuid4().hex[:12] + "/"


class Bucket:
    """One bucket, for one test."""

    def __init__(self, s3: S3, name: str, prefix: str) -> None:
        self._s3, self.name, self.prefix = s3, name, prefix

    def put(self, key: str, data: bytes) -> str:
        return self._s3.put(self.name, self.prefix + key, data)

    def delete(self, key: str, version: str = "") -> None:
        self._s3.delete(self.name, self.prefix + key, version)

    def url(self, key: str = "") -> str:
        return f"s3://{self.name}/{self.prefix}{key}"


@pytest.fixture
def bucket(s3: S3, prefix: str) -> Bucket:
    return Bucket(s3, os.environ["TEST_BUCKET"], prefix)


@pytest.fixture(scope="session")
def admin() -> Any:
    return arvados.api("v1")


def token_for(admin: Any, owner: str, **settings: Any) -> str:
    body = {"api_client_authorization": {"owner_uuid": owner, **settings}}
    made = admin.api_client_authorizations().create(body=body).execute()
    return f"v2/{made['uuid']}/{made['api_token']}"


def client(token: str) -> Any:
    return arvados.api("v1", host=os.environ["ARVADOS_API_HOST"], token=token)


def new_person(admin: Any) -> tuple[dict[str, Any], Any]:
    """A new user, and its API client."""
    name = "u" + uuid.uuid4().hex[:12]
    body = {"user": {"email": name + "@example.org", "first_name": name, "is_active": True}}
    user = admin.users().create(body=body).execute()
    return user, client(token_for(admin, user["uuid"]))


@pytest.fixture
def api(admin: Any) -> Any:
    """The API client of a new user, who is no administrator."""
    return new_person(admin)[1]


def document(path: Path, text: str) -> str:
    path.write_text(textwrap.dedent(text))
    return str(path)


def read(collection: Any, path: str) -> bytes:
    with collection.open(path, "rb") as f:
        return bytes(f.read())


def stock_keep(api: Any) -> arvados.keep.KeepClient:
    return arvados.keep.KeepClient(api_client=api, num_retries=0, block_cache=arvados.keep.KeepBlockCache())


def run_here(main: Callable[[list[str]], int], api: Any, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of ours in this process, as a user with this token would."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"ARVADOS_API_TOKEN": api.api_token, **env}.items():
            patch.setenv(name, value)
        patch.setattr(arvados.config, "_settings", None)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = main(list(args))
            except SystemExit as end:  # argparse
                status = end.code if isinstance(end.code, int) else 1
    return subprocess.CompletedProcess(args, status, out.getvalue(), err.getvalue())
