# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""What goes wrong with the stock client, and goes right with ours, side by side.

The cases are those that were recorded with Arvados at commit 913e36393d: how its
Python client reads pseudo-blocks, and what a subclass alone can and cannot do.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import arvados.collection
import arvados.errors
import arvados.keep
import pytest
from conftest import Bucket, read, stock_keep

import arvados_pseudoblock as pb


class Pair:
    """Objects A and B of one size, as blocks of one form."""

    def __init__(self, bucket: Bucket, api: Any, form: str) -> None:
        self.api, self.form, self.bucket = api, form, bucket
        for name in "AB":
            bucket.put(name, name.encode() * 1000)
        self.A, self.B = (self.manifest(name) for name in "AB")

    def manifest(self, name: str, path: str = "f") -> str:
        made = pb.import_from_s3(self.bucket.url(name), path, api_client=self.api, form=self.form)
        return str(made.manifest_text())

    def block(self, name: str) -> str:
        return str(getattr(self, name).split()[1])


@pytest.fixture(params=["opaque", "derived"])
def pair(request: pytest.FixtureRequest, bucket: Bucket, api: Any) -> Pair:
    return Pair(bucket, api, request.param)


@pytest.fixture
def opaque(bucket: Bucket, api: Any) -> Pair:
    return Pair(bucket, api, "opaque")


def test_get(pair: Pair) -> None:
    with pytest.raises(arvados.errors.KeepReadError, match=r"Checksum fail|422"):
        stock_keep(pair.api).get(pair.block("A"))
    keep = pb.KeepClient(api_client=pair.api)
    assert (keep.get(pair.block("A")), keep.get(pair.block("B"))) == (b"A" * 1000, b"B" * 1000)


def test_signature_first(pair: Pair) -> None:
    """Stock code prints +A before the other hints."""
    moved = str(arvados.keep.KeepLocator(pair.block("A")))
    assert moved != pair.block("A")
    with pytest.raises(arvados.errors.KeepReadError):
        stock_keep(pair.api).get(moved)
    assert pb.KeepClient(api_client=pair.api).get(moved) == b"A" * 1000


def test_locators_by_identity(opaque: Pair) -> None:
    """Stock code that sorts blocks by their hash, as arv-copy does, mixes those of opaque form."""

    def hashes() -> set[str]:
        return {arvados.keep.KeepLocator(opaque.block(n)).md5sum for n in "AB"}

    assert len(hashes()) == 1
    pb.enable()
    assert len(hashes()) == 2
    written = str(arvados.keep.KeepLocator(opaque.block("A")))
    assert arvados.keep.KeepClient(api_client=opaque.api).get(written) == b"A" * 1000
    with pytest.raises(ValueError, match="hint"):
        arvados.keep.KeepLocator("f" * 32 + "+1000+zx")


def test_stale_disk_cache(opaque: Pair) -> None:
    """The stock client gives what lies in the shared cache under the one hash; ours
    does not look there, nor leave anything."""
    folder = Path(os.environ["HOME"]) / ".cache" / "arvados" / "keep"
    stale = folder / "fff" / ("f" * 32 + ".keepcacheblock")
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"X" * 1000)

    def cache() -> Any:
        return arvados.keep.KeepBlockCache(disk_cache=True, disk_cache_dir=str(folder))

    stock = arvados.keep.KeepClient(api_client=opaque.api, num_retries=0, block_cache=cache())
    assert [bytes(stock.get(opaque.block(n)) or b"") for n in "AB"] == [b"X" * 1000] * 2
    ours = pb.KeepClient(api_client=opaque.api, block_cache=cache())
    assert (ours.get(opaque.block("A")), ours.get(opaque.block("B"))) == (b"A" * 1000, b"B" * 1000)
    pb.enable()
    assert stock.get(opaque.block("A")) == b"A" * 1000
    assert [p for p in folder.rglob("*keepcacheblock*") if p != stale] == [] and stale.read_bytes() == b"X" * 1000


class _Naive(arvados.keep.KeepClient):
    """A client that only leaves out the check of the MD5."""

    class _KeepService(arvados.keep.KeepClient._KeepService):
        def get(self, locator: Any, method: str = "GET", timeout: Any = None) -> Any:
            super().get(locator, method, timeout)
            return self._result.get("body")


def test_leaving_out_the_check_mixes(opaque: Pair) -> None:
    naive = _Naive(api_client=opaque.api, num_retries=0, block_cache=arvados.keep.KeepBlockCache())
    assert (naive.get(opaque.block("A")), naive.get(opaque.block("B"))) == (b"A" * 1000,) * 2
    assert pb.KeepClient(api_client=opaque.api).get(opaque.block("B")) == b"B" * 1000


def stock_collection(text: str, api: Any) -> Any:
    return arvados.collection.Collection(text, api_client=api)


def test_equality_and_diff(opaque: Pair) -> None:
    a, b = (stock_collection(text, opaque.api) for text in (opaque.A, opaque.B))
    assert a == b and [c[0] for c in a.diff(b)] == ["tok"]
    ours, other = (pb.Collection(text, opaque.api) for text in (opaque.A, opaque.B))
    assert ours != other and [c[0] for c in ours.diff(other)] == ["mod"]
    assert ours == pb.Collection(opaque.A, opaque.api) and ours == stock_collection(opaque.A, opaque.api)
    assert ours != b and b != ours  # also beside a stock collection
    pb.enable()
    assert a != b and [c[0] for c in a.diff(b)] == ["mod"]
    pb.disable()
    assert a == b


def test_forms_of_one_extent_are_equal(opaque: Pair) -> None:
    text = opaque.A
    opaque.form = "derived"
    derived = opaque.manifest("A")
    assert stock_collection(text, opaque.api) != stock_collection(derived, opaque.api)
    assert pb.Collection(text, opaque.api) == pb.Collection(derived, opaque.api) != pb.Collection(opaque.B, opaque.api)


def saved(kind: Any, text: str, api: Any) -> Any:
    made = kind(text, api_client=api)
    made.save_new(name="saved", ensure_unique_name=True)
    return made


def replaced(kind: Any, pair: Pair) -> str:
    """A file of a saved collection is replaced by another object of its size, and
    the collection saved: what the API server has then."""
    made = saved(kind, pair.A, pair.api)
    made.copy("f", "f", source_collection=kind(pair.B, api_client=pair.api), overwrite=True)
    made.save()
    uuid = made.manifest_locator()
    return str(pair.api.collections().get(uuid=uuid).execute()["manifest_text"])


def unsigned(text: str) -> str:
    return " ".join(t.split("+A")[0] for t in text.split(" "))


def test_save_does_not_revert(opaque: Pair) -> None:
    assert unsigned(replaced(arvados.collection.Collection, opaque)) == unsigned(opaque.A)
    assert unsigned(replaced(pb.Collection, opaque)) == unsigned(opaque.B)
    pb.enable()
    assert unsigned(replaced(arvados.collection.Collection, opaque)) == unsigned(opaque.B)


@pytest.mark.parametrize("enabled", [False, True])
def test_update_takes_the_new_version(opaque: Pair, enabled: bool) -> None:
    if enabled:
        pb.enable()
    kind = arvados.collection.Collection if enabled else pb.Collection
    made = saved(kind, opaque.A, opaque.api)
    body = {"manifest_text": opaque.B}
    opaque.api.collections().update(uuid=made.manifest_locator(), body=body).execute()
    made.update()
    assert unsigned(made["f"].segments()[0].locator) == unsigned(opaque.block("B"))
    assert read(made, "f") == b"B" * 1000 and not made.modified()


def test_merge_keeps_both_changes(opaque: Pair) -> None:
    """Somebody else replaces one file while another is replaced here."""
    both = opaque.manifest("A", "x") + opaque.manifest("A", "y")
    made = saved(pb.Collection, both, opaque.api)
    theirs = opaque.manifest("B", "x") + opaque.manifest("A", "y")
    opaque.api.collections().update(uuid=made.manifest_locator(), body={"manifest_text": theirs}).execute()
    made.import_from_s3(opaque.bucket.url("B"), "y")
    made.save()
    again = pb.Collection(made.manifest_locator(), opaque.api)
    assert {n: read(again, n) for n in again} == {"x": b"B" * 1000, "y": b"B" * 1000}


def others_file_stays(kind: Any, api: Any) -> bool:
    """Somebody adds a file; a save without changes, and then one with a change: is the file still there?"""
    made = kind(api_client=api)
    made.save_new()
    mine, theirs = (kind(made.manifest_locator(), api_client=api) for _ in range(2))
    for collection, name in ((theirs, "theirs"), (mine, ""), (mine, "mine")):
        if name:
            with collection.open(name, "w") as f:
                f.write(name)
        collection.save()
    return "theirs" in kind(made.manifest_locator(), api_client=api)


def test_save_without_changes_loses_nothing(api: Any) -> None:
    assert not others_file_stays(arvados.collection.Collection, api)
    assert others_file_stays(pb.Collection, api)


def test_stripped_manifest(opaque: Pair) -> None:
    """Two objects of one size must not become one block."""
    text = opaque.manifest("A", "a") + opaque.manifest("B", "b")
    assert stock_collection(text, opaque.api).manifest_text(strip=True, normalize=True).count("0:1000:") == 2
    mine = pb.Collection(text, opaque.api)
    stripped = mine.manifest_text(strip=True, normalize=True)
    assert "0:1000:a 1000:1000:b" in stripped and "+B" not in stripped and "f" * 32 not in stripped
    assert mine.stripped_manifest() == mine.manifest_text(strip=True)
    other = pb.Collection(opaque.manifest("A", "a") + opaque.manifest("A", "b"), opaque.api)
    assert mine.portable_data_hash() != other.portable_data_hash()
    stock = [stock_collection(c.manifest_text(), opaque.api) for c in (mine, other)]
    assert stock[0].portable_data_hash() == stock[1].portable_data_hash()
    pb.enable()
    assert stock[0].portable_data_hash() != stock[1].portable_data_hash()
    assert stock[0]["a"].manifest_text(portable_locators=True) != stock[0]["b"].manifest_text(portable_locators=True)


def test_copies_and_clones_read(opaque: Pair) -> None:
    """However files come into a collection of ours, they are read and compared as ours."""
    source = stock_collection(opaque.A.replace("./", "./sub/"), opaque.api)
    source.copy("f", "folder/deep/f")
    made = pb.Collection(opaque.B, opaque.api)
    made.copy("f", "sub/copy")
    made.copy("folder", "folder", source_collection=source)
    made.rename("f", "moved", source_collection=source)
    for at in ("folder/deep/f", "moved"):
        assert read(made, at) == b"A" * 1000
    assert read(made, "sub/copy") == read(made, "f") == b"B" * 1000
    for copy in (made.clone(), made.clone(readonly=True)):
        assert copy == made and read(copy, "folder/deep/f") == b"A" * 1000
        assert type(copy.find("folder/deep/f")) is type(made.find("f"))
    with pytest.raises(OSError):
        made.clone(readonly=True).remove("f")


def test_enable_is_reversible(opaque: Pair) -> None:
    from arvados_pseudoblock.enabling import seams

    before = [s.owner.__dict__.get(s.name) for s in seams()]
    pb.enable()
    pb.enable()
    assert pb.is_enabled() and all(s.owner.__dict__[s.name] is s.ours for s in seams())
    made: Any = arvados.collection.Collection(api_client=opaque.api)
    assert made.import_from_s3(opaque.bucket.url("A")).files == 1 and read(made, "A") == b"A" * 1000
    pb.disable()  # as a library does at its end
    assert pb.is_enabled() and hasattr(arvados.collection.Collection, "import_from_s3")
    pb.disable()
    pb.disable()  # once too often
    assert [s.owner.__dict__.get(s.name) for s in seams()] == before and not pb.is_enabled()
    assert not hasattr(arvados.collection.Collection, "import_from_s3")


def test_stock_collection_with_our_client(pair: Pair) -> None:
    """Enough to read, without `enable`."""
    keep = pb.KeepClient(api_client=pair.api)
    for text, want in ((pair.A, b"A"), (pair.B, b"B")):
        assert read(arvados.collection.Collection(text, pair.api, keep), "f") == want * 1000


def test_our_collection_with_a_stock_client(pair: Pair) -> None:
    with pytest.raises(pb.errors.UsageError, match="KeepClient"):
        pb.Collection(pair.A, pair.api, stock_keep(pair.api))
    pb.enable()
    assert read(pb.Collection(pair.A, pair.api, stock_keep(pair.api)), "f") == b"A" * 1000
