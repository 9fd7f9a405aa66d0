# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""The program arv-import-s3."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from typing import Any

import pytest
from conftest import Bucket, read, run_here
from fakes import Handler, Service

import arvados_pseudoblock as pb
from arvados_pseudoblock import imports
from arvados_pseudoblock.commands import import_s3

Result = subprocess.CompletedProcess[str]


def program(api: Any, *args: str, **env: str) -> Result:
    return run_here(import_s3.main, api, *args, **env)


@pytest.fixture
def filled(bucket: Bucket) -> Bucket:
    for key in ("a.bam", "sub/b.bam", "sub/c.log"):
        bucket.put(key, key.encode())
    return bucket


def uuid_of(result: Result) -> str:
    assert result.returncode == 0, result.stderr
    assert re.fullmatch(r"[a-z0-9]{5}-4zz18-[a-z0-9]{15}\n", result.stdout)
    return result.stdout.strip()


def test_create(filled: Bucket, api: Any) -> None:
    project = api.groups().create(body={"group": {"group_class": "project", "name": "p"}}).execute()["uuid"]
    result = program(api, "--project-uuid", project, "--name", "mine", "--exclude", "*.log", filled.url())
    record = api.collections().get(uuid=uuid_of(result)).execute()
    assert (record["name"], record["owner_uuid"]) == ("mine", project)
    made = pb.Collection(record["uuid"], api)
    assert read(made, "a.bam") == b"a.bam" and list(made["sub"]) == ["b.bam"]
    assert result.stderr == "arv-import-s3: left out: 1 excluded\n"


def test_update(filled: Bucket, api: Any) -> None:
    uuid = uuid_of(program(api, filled.url("a.bam"), "--path", "x"))
    assert api.collections().get(uuid=uuid).execute()["name"].startswith("Import of s3://")
    filled.put("a.bam", b"newer")
    assert uuid_of(program(api, "--update-collection", uuid, filled.url("a.bam"), "--path", "x")) == uuid
    assert uuid_of(program(api, "--update-collection", uuid, filled.url("sub/"), "--path", "more/")) == uuid
    made = pb.Collection(uuid, api)
    assert read(made, "x") == b"newer" and sorted(made["more"]) == ["b.bam", "c.log"]


def test_dry_run_and_json(filled: Bucket, api: Any) -> None:
    before = api.collections().list(limit=0, count="exact").execute()["items_available"]
    result = program(api, "--dry-run", filled.url())
    assert (result.returncode, result.stdout) == (0, "3 files, 23 bytes (3 STANDARD)\n"), result.stderr
    told = json.loads(program(api, "--dry-run", "--json", filled.url()).stdout)
    assert told["uuid"] is None and (told["files"], told["bytes"], told["status"]) == (3, 23, "complete")
    assert api.collections().list(limit=0, count="exact").execute()["items_available"] == before
    told = json.loads(program(api, "--json", "--include", "**/*.bam", filled.url()).stdout)
    record = api.collections().get(uuid=told["uuid"]).execute()
    assert record["portable_data_hash"] == told["portable_data_hash"] and told["skipped_by_reason"] == {"excluded": 1}


def test_regular_expressions(filled: Bucket, api: Any) -> None:
    args = ("--dry-run", "--json", "--include-regexp", r"\.(bam|log)$", "--exclude-regexp", "^sub/c", filled.url())
    told = json.loads(program(api, *args).stdout)
    assert (told["files"], told["skipped_by_reason"], told["requests"]["list"]) == (2, {"excluded": 1}, 1)
    result = program(api, "--retries", "0", "--exclude-regexp", "a(b", filled.url())
    assert result.returncode == 1 and "is wrong at character 2: missing closing )" in result.stderr
    made = pb.import_from_s3(filled.url(), api_client=api, include_regexp="c.log")
    assert list(made) == ["sub"] and list(made["sub"]) == ["c.log"]


def test_a_list_that_is_too_long(api: Any) -> None:
    """It is refused here, with what to do, and not cut into several imports."""
    keep = pb.KeepClient(api_client=api)
    for n, path in ((10_001, "x"), (1200, "long/" * 200)):
        with pytest.raises(pb.errors.UsageError, match="more than one request takes"):
            next(imports.events(keep, [pb.Source(f"s3://b/{i}", path=f"{path}{i}") for i in range(n)]))


def test_progress(filled: Bucket, api: Any) -> None:
    assert "\r3 files, 23 bytes, 0 left out \n" in program(api, "--progress", "--dry-run", filled.url()).stderr
    assert re.search(
        r"^arv-import-s3 \d+: 3 imported -1 total$",
        program(api, "--batch-progress", "--dry-run", filled.url()).stderr,
        re.M,
    )
    assert program(api, "--no-progress", "--dry-run", filled.url()).stderr == ""


def test_as_of(bucket: Bucket, api: Any) -> None:
    bucket.put("k", b"old")
    keep = pb.KeepClient(api_client=api)
    (old,) = (e for e in imports.events(keep, [pb.Source(bucket.url())]) if isinstance(e, pb.File))
    bucket.put("k", b"new")
    uuid = uuid_of(program(api, "--as-of", old.last_modified, bucket.url()))
    assert read(pb.Collection(uuid, api), "k") == b"old"


def test_partial(bucket: Bucket, api: Any) -> None:
    """What is left out for no wish of the caller's makes another exit status."""
    bucket.put("a", b"1")
    result = program(api, bucket.url(), "s3://no-such-rule/x.txt")
    assert result.returncode == 3 and "bucket-not-allowed" in result.stderr and "4zz18" in result.stdout


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["s3://no-such-rule/x"], "bucket-not-allowed"),
        (["http://example.org/"], "bad-request"),
        (["--update-collection", "nonsense", "s3://b/k"], "not the UUID of a collection"),
        (["--project-uuid", "nonsense", "s3://b/k"], "not the UUID of a project"),
        (["--update-collection", "zzzzz-4zz18-000000000000000", "--name", "x", "s3://b/k"], "--name has no meaning"),
        (["--update-collection", "zzzzz-4zz18-000000000000000", "s3://b/k"], "404"),
    ],
)
def test_refused(api: Any, args: list[str], text: str) -> None:
    result = program(api, "--retries", "0", *args)
    assert result.returncode == 1 and text in result.stderr and "Traceback" not in result.stderr
    assert api.api_token.rsplit("/", 1)[-1] not in result.stderr


def test_wrong_token(api: Any) -> None:
    result = program(api, "--retries", "0", "s3://b/k", ARVADOS_API_TOKEN="v2/zzzzz-gj3su-000000000000000/wrong")
    assert result.returncode == 1 and "token-refused" in result.stderr and "Traceback" not in result.stderr


def test_interrupt(filled: Bucket, api: Any) -> None:
    """Ctrl-C in the middle leaves nothing behind."""
    reached: list[int] = []

    def endless(handler: Handler) -> None:
        if handler.path == "/s3/access":
            handler.reply(200, b"{}")
            return
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b'{"type":"progress","files":1,"resume":"x"}\n')
        handler.wfile.flush()
        reached.append(1)
        handler.rfile.read(1 << 20)

    before = api.collections().list(limit=0, count="exact").execute()["items_available"]
    with Service(endless) as service:
        command = [sys.executable, "-m", "arvados_pseudoblock.commands.import_s3", "--batch-progress", "s3://b/p/"]
        environment = {**os.environ, "ARVADOS_API_TOKEN": api.api_token, "ARVADOS_PSEUDOBLOCK_SERVICES": service.url}
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr
            assert "1 imported" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 130 and "interrupted" in process.stderr.read()
    assert api.collections().list(limit=0, count="exact").execute()["items_available"] == before
