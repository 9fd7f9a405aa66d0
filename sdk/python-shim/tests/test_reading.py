# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Importing and reading through a real keepstore and a real S3 server."""

from __future__ import annotations

import random
import threading
from typing import Any

import arvados.collection
import pytest
from conftest import Bucket, noise, read, sha256

import arvados_pseudoblock as pb
from arvados_pseudoblock import errors

FORMS = ("opaque", "derived", "content")


@pytest.mark.parametrize("form", FORMS)
def test_import_and_read(bucket: Bucket, api: Any, form: str) -> None:
    files = {"a": noise(5, 1), "b c": noise(70_000, 2), "sub/d:e": noise(3 << 20, 3), "empty": b"", "sub/x/é": b"x"}
    for key, data in files.items():
        bucket.put(key, data)
    made = pb.import_from_s3(bucket.url(), api_client=api, form=form)
    made.save_new(name="imported", ensure_unique_name=True)
    again = pb.Collection(made.manifest_locator(), api_client=api)
    for key, data in files.items():
        assert sha256(read(again, key)) == sha256(data), key
    assert again.portable_data_hash() == made.portable_data_hash()


def test_summary(bucket: Bucket, api: Any) -> None:
    for key in ("a", "b/c", "b/d.log", "folder/"):
        bucket.put(key, b"12345" if key != "folder/" else b"")
    counts: list[pb.Progress] = []
    made = pb.Collection(api_client=api)
    summary = made.import_from_s3(bucket.url(), "in", exclude=["*.log"], progress=counts.append)
    assert (summary.files, summary.bytes, summary.listed) == (2, 10, 4)
    assert summary.skipped_by_reason == {"excluded": 1, "folder-placeholder": 1} and summary.status == "complete"
    assert [s.reason for s in summary.skipped] == ["folder-placeholder"]
    assert sorted(made["in"]) == ["a", "b"] and counts
    made.save_new()
    assert made.portable_data_hash() == summary.portable_data_hash


def test_same_hash_for_everyone(bucket: Bucket, api: Any, admin: Any) -> None:
    bucket.put("x", b"one")
    bucket.put("y/z", b"two")
    hashes = set()
    for who, form in ((api, "opaque"), (admin, "derived")):
        made = pb.import_from_s3(bucket.url(), api_client=who, form=form)
        made.save_new(ensure_unique_name=True)
        hashes |= {made.portable_data_hash(), pb.portable_data_hash(made.manifest_text())}
    assert len(hashes) == 1


def test_pinned_bytes_stay(bucket: Bucket, api: Any) -> None:
    """What was imported stays, after an overwrite of the same size and a delete."""
    bucket.put("k", b"first")
    made = pb.import_from_s3(bucket.url("k"), api_client=api)
    made.save_new()
    bucket.put("k", b"other")
    bucket.delete("k")
    assert read(pb.Collection(made.manifest_locator(), api_client=api), "k") == b"first"
    with pytest.raises(errors.NotFoundError) as caught:
        pb.import_from_s3(bucket.url("k"), api_client=api)
    assert "delete" in str(caught.value)


def test_seek_and_ranges(bucket: Bucket, api: Any) -> None:
    data = noise(9 << 20)
    bucket.put("big", data)
    made = pb.import_from_s3(bucket.url("big"), api_client=api, form="opaque")
    rng = random.Random(5)
    with made.open("big", "rb") as f:
        for _ in range(100):
            at, size = rng.randrange(len(data)), rng.choice([1, 17, 4096, 70_000, 2 << 20])
            f.seek(at)
            assert f.read(size) == data[at : at + size]
        f.seek(0)
        assert sha256(b"".join(iter(lambda: f.read(100_001), b""))) == sha256(data)
        assert f.read(1) == b""


def test_scattered_reads_cost_little(bucket: Bucket, api: Any) -> None:
    """Reads of 64 KiB here and there transfer at most twice what is asked for, plus a page."""
    data = noise(40 << 20)
    bucket.put("big", data)
    made = pb.import_from_s3(bucket.url("big"), api_client=api, form="derived")
    keep, rng, asked = made._my_keep(), random.Random(7), 0
    with made.open("big", "rb") as f:
        for at in rng.sample(range(0, 39 << 20, 128 << 10), 60):
            f.seek(at + 5000)
            assert f.read(64 << 10) == data[at + 5000 : at + 5000 + (64 << 10)]
            asked += 64 << 10
    assert keep.download_counter.get() <= 2 * asked + (64 << 10)


def test_many_threads(bucket: Bucket, api: Any) -> None:
    data = [noise(3 << 20, seed) for seed in (1, 2)]
    for i, one in enumerate(data):
        bucket.put(str(i), one)
    made = pb.import_from_s3(bucket.url(), api_client=api, form="opaque")
    wrong: list[str] = []

    def work(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(40):
            i, at, size = rng.randrange(2), rng.randrange(3 << 20), rng.randrange(1, 300_000)
            got = made[str(i)].readfrom(at, size, 2, exact=True)
            if got != data[i][at : at + size]:
                wrong.append(f"{i} {at} {size}")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_small_cache(bucket: Bucket, api: Any) -> None:
    """A cache smaller than one read."""
    data = noise(20 << 20)
    bucket.put("big", data)
    keep = pb.KeepClient(api_client=api, part_cache_size=1 << 20)
    made = pb.Collection(api_client=api, keep_client=keep)
    made.import_from_s3(bucket.url("big"))
    assert sha256(read(made, "big")) == sha256(data)
    assert keep.read_range(made.manifest_text().split()[1], 5, 10) == data[5:15]


def test_mixed_with_ordinary_files(bucket: Bucket, api: Any) -> None:
    bucket.put("ref", noise(200_000))
    made = pb.Collection(api_client=api)
    made.import_from_s3(bucket.url(), "data/")
    with made.open("README", "w") as f:
        f.write("about the data")
    with made.open("data/ref", "ab") as f:
        f.write(b" and more")
    made.save_new()
    again = arvados.collection.Collection(made.manifest_locator(), api_client=api)
    assert read(again, "README") == b"about the data"  # a stock client reads what is ordinary
    mine = pb.Collection(made.manifest_locator(), api_client=api)
    assert read(mine, "data/ref") == noise(200_000) + b" and more"
    assert read(mine, "README") == b"about the data"


def test_keep_client(bucket: Bucket, api: Any) -> None:
    bucket.put("k", b"0123456789")
    made = pb.import_from_s3(bucket.url("k"), api_client=api, form="opaque")
    keep, locator = pb.KeepClient(api_client=api), made.manifest_text().split()[1]
    assert keep.get_from_cache(locator) is None
    assert keep.head(locator) is True
    assert keep.get(locator) == keep.get_from_cache(locator) == b"0123456789"
    assert keep.get(locator + "," + locator) == b"0123456789" * 2
    assert keep.hits_counter.get() == 2 and keep.get_counter.get() == 3
    assert keep.get(keep.put(b"ordinary", copies=1)) == b"ordinary"
    again = str(keep.refresh_signature(locator))
    assert again.split("+A")[0] == locator.split("+A")[0] and keep.get(again) == b"0123456789"
    remote = locator.split("+A")[0] + "+Rzzzzz-" + "0" * 40 + "@7fffffff"
    assert keep.get(str(keep.refresh_signature(remote))) == b"0123456789"
    keep.stop_prefetch_threads()


def test_names(bucket: Bucket, api: Any) -> None:
    """Names that a manifest must escape, also by the rules of others."""
    names = ["a b", "back\\slash", "co:lon", "caf\u00e9", "no\u00a0break", "tab\tbed", "\u3000wide", "%41"]
    for name in names:
        bucket.put(name, name.encode())
    made = pb.import_from_s3(bucket.url(), api_client=api)
    made.save_new()
    mine = pb.Collection(made.manifest_locator(), api_client=api)
    assert sorted(mine) == sorted(names)
    with mine.open("more", "w") as f:  # so that Python writes the manifest anew
        f.write("x")
    mine.save()
    mine = pb.Collection(made.manifest_locator(), api_client=api)
    assert {n: read(mine, n) for n in names} == {n: n.encode() for n in names}
