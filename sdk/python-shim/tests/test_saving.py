# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Storing what was imported: whole, in parts, or not at all. That Go makes the
same parts is a test of its own (test/python, TestPartsAsInGo)."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from typing import Any

import arvados
import arvados.errors
import pytest
from conftest import Bucket, read, run_here

import arvados_pseudoblock as pb
from arvados_pseudoblock import errors, saving
from arvados_pseudoblock._spool import Spool
from arvados_pseudoblock.commands import import_s3

EMPTY = "d41d8cd98f00b204e9800998ecf8427e+0"


def test_spool() -> None:
    """Files come back in the order of the bytes of their paths."""
    paths = ["a", "a-b/c", "a b", "a/b", "a\\/x", "b\nc/\u2003", "é", "\U0001f600", "z/" + "long" * 50]
    many = [f"{p}/{n}" for n in range(300) for p in paths]
    random.Random(1).shuffle(many)
    spool = Spool()
    for path in many:
        spool.add(path, [EMPTY, "f" * 32 + "+5"])
    found = list(spool.entries())
    names = [f"{folder}/{name}" for folder, name, _ in found]
    assert [pb.manifests.unescape(n) for n in names] == sorted(many, key=str.encode)
    assert all(pieces == [("f" * 32 + "+5", 5, 0, 5)] for _, _, pieces in found) and not spool.in_order
    spool.add("é/0", [EMPTY])
    with pytest.raises(errors.UsageError, match="imported twice"):
        list(spool)


@pytest.fixture
def many(bucket: Bucket) -> Bucket:
    for n in range(60):
        bucket.put(f"d{n % 3}/{n:03}", str(n).encode())
    return bucket


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """An API server that takes small requests, so that three parts are needed or more."""
    stock = arvados.api

    def api(*args: Any, **settings: Any) -> Any:
        made = stock(*args, **settings)
        made._rootDesc["maxRequestSize"] = (1 << 20) + 8000
        return made

    monkeypatch.setattr(arvados, "api", api)


@pytest.fixture
def count(api: Any) -> Callable[[], int]:
    """How many collections the user has that are not in the trash."""
    return lambda: int(api.collections().list(limit=0, count="exact").execute()["items_available"])


def run(api: Any, *args: str) -> Any:
    return run_here(import_s3.main, api, "--retries", "1", *args)


@pytest.mark.usefixtures("small")
def test_parts(many: Bucket, api: Any, count: Callable[[], int]) -> None:
    """Files of all parts together are those of the import, each under its full path."""
    result = run(api, "--name", "large", "--json", many.url())
    assert result.returncode == 0, result.stderr
    assert count() > 2
    found = {}
    for item in api.collections().list().execute()["items"]:
        part = pb.Collection(item["uuid"], api)
        found.update({f"{d}/{n}": read(part, f"{d}/{n}") for d in part for n in part[d]})
        assert item["properties"]["arv:s3_part"]["of"] == count() and item["name"].endswith(f" of {count()})")
    assert found == {f"d{n % 3}/{n:03}": str(n).encode() for n in range(60)}


@pytest.fixture
def create(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Callable[[], object]]]:
    """Something to do before each request that stores a part, in turn."""
    todo: list[Callable[[], object]] = []
    stock = saving._Server.create

    def counted(self: Any, *args: Any) -> Any:
        if todo:
            todo.pop(0)()
        return stock(self, *args)

    monkeypatch.setattr(saving._Server, "create", counted)
    yield todo
    assert not todo


def nothing() -> None:
    pass


def send(*numbers: int) -> Callable[[], None]:
    def work() -> None:
        for number in numbers:
            os.kill(os.getpid(), number)

    return work


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("numbers", "status"),
    [((signal.SIGINT,), 130), ((signal.SIGTERM,), 143), ((signal.SIGHUP,), 129), ((signal.SIGINT, signal.SIGINT), 130)],
)
def test_interrupted_between_parts(
    many: Bucket,
    api: Any,
    count: Callable[[], int],
    create: list[Callable[[], object]],
    numbers: tuple[int, ...],
    status: int,
) -> None:
    """What is stored already goes into the trash."""
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    create += [nothing, send(*numbers)]
    result = run(api, many.url())
    signal.signal(signal.SIGHUP, hangup)
    assert (result.returncode, result.stdout) == (status, ""), result.stderr
    assert count() == 0
    trash = api.collections().list(include_trash=True).execute()["items"]
    assert trash and all(item["is_trashed"] for item in trash)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert run(api, many.url()).returncode == 0 and count() > 2


def test_too_late(many: Bucket, api: Any, count: Callable[[], int], create: list[Callable[[], object]]) -> None:
    """While the last request is under way, an interrupt has no effect: all is stored, and said so."""
    create.append(send(signal.SIGINT))
    result = run(api, many.url())
    assert result.returncode == 0 and "4zz18" in result.stdout and count() == 1


@pytest.mark.usefixtures("small")
def test_part_refused(
    many: Bucket, api: Any, count: Callable[[], int], create: list[Callable[[], object]], caplog: Any
) -> None:
    def refuse() -> None:
        raise errors.UnavailableError("the API server cannot be reached")

    create += [nothing, nothing, refuse]
    result = run(api, many.url())
    assert result.returncode == 1 and "cannot be reached" in result.stderr
    assert count() == 0


def test_update_is_one_step(many: Bucket, api: Any, count: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt while an update is stored comes too late; one before, changes nothing."""
    uuid = run(api, many.url("d0/")).stdout.strip()
    stock = pb.Collection.save

    def save(self: Any, *args: Any, **settings: Any) -> Any:
        send(signal.SIGTERM)()
        return stock(self, *args, **settings)

    monkeypatch.setattr(pb.Collection, "save", save)
    result = run(api, "--update-collection", uuid, "--path", "more", many.url("d1/"))
    assert result.returncode == 0, result.stderr
    assert len(pb.Collection(uuid, api)["more"]) == 20 and count() == 1


def test_refused_by_the_server(many: Bucket, api: Any) -> None:
    """The sentence of the API server is told."""
    result = run(api, "--project-uuid", "zzzzz-j7d0g-000000000000000", many.url())
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "zzzzz-j7d0g-000000000000000" in result.stderr


def test_one_file_too_large(bucket: Bucket, api: Any) -> None:
    bucket.put("k" * 200, b"1")
    made = pb.import_from_s3(bucket.url(), api_client=api)
    api._rootDesc["maxRequestSize"] = (1 << 20) + 400
    with pytest.raises(errors.UsageError, match="alone does not fit"):
        made.save_parts("x")


def test_changed_collection(many: Bucket, api: Any) -> None:
    """A collection with parts of blocks, empty folders and ordinary files is what it was, once stored and loaded."""
    made = pb.import_from_s3(many.url(), api_client=api)
    with made.open("d0/000", "a") as f:
        f.write("more")
    with made.open("README", "w") as f:
        f.write("ordinary")
    made.mkdirs("nothing/here")
    made.copy("d2/059", "part")
    with made.open("part", "rb+") as f:
        f.truncate(1)
    (stored,) = made.save_parts("changed", properties={"a": 1})
    loaded = pb.Collection(stored["uuid"], api)
    assert loaded == made and "here" in loaded["nothing"]
    assert read(loaded, "d0/000") == b"0more" and read(loaded, "part") == b"5"
    properties = loaded.api_response()["properties"]
    assert properties["a"] == 1 and properties["arv:s3_sources"][0]["url"] == many.url()
    assert properties["arv:s3_prefixes"][0] == f"s3://{many.name}/" and len(properties["arv:s3_prefixes"]) == 5
