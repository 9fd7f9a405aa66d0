# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""The properties that tell where a collection came from. That Go's SDK writes
the same is tested in test/python."""

from __future__ import annotations

import base64
from typing import Any

import arvados.collection
import pytest
from conftest import Bucket

import arvados_pseudoblock as pb
from arvados_pseudoblock import _recording
from arvados_pseudoblock._printing import Prefixes
from arvados_pseudoblock._recording import PREFIXES, SOURCES


@pytest.fixture
def filled(bucket: Bucket) -> Bucket:
    for key in ("a/one", "a/b/two", "c/three"):
        bucket.put(key, key.encode())
    return bucket


def properties(api: Any, collection: Any) -> dict[str, Any]:
    return dict(api.collections().get(uuid=collection.manifest_locator()).execute()["properties"])


def urls(found: dict[str, Any]) -> list[str]:
    return [one["url"] for one in found[SOURCES]]


def folders(bucket: Bucket, *below: str) -> list[str]:
    return [f"s3://{bucket.name}/", bucket.url(), *map(bucket.url, below)]


def test_life_of_a_collection(filled: Bucket, api: Any) -> None:
    made = pb.import_from_s3(filled.url("a/"), "x", api_client=api)
    made.save_new(properties={"mine": 1})
    found = properties(api, made)
    assert found["mine"] == 1 and urls(found) == [filled.url("a/")]
    assert found[PREFIXES] == folders(filled, "a/", "a/b/")
    assert found[SOURCES][0].keys() == {"url", "path", "imported_at", "files", "bytes", "skipped"}
    # Somebody sets another property meanwhile; the same source again takes the place of the first.
    api.collections().update(uuid=made.manifest_locator(), body={"properties": {**found, "theirs": 2}}).execute()
    made.import_from_s3(filled.url("c/three"))
    made.import_from_s3(filled.url("a/"), "x")
    made.save()
    found = properties(api, made)
    assert (found["mine"], found["theirs"]) == (1, 2)
    assert urls(found) == [filled.url("c/three"), filled.url("a/")]
    assert found[PREFIXES] == folders(filled, "a/", "c/", "a/b/")
    # Loaded anew, and less of it left.
    loaded = pb.Collection(made.manifest_locator(), api)
    loaded.remove("x", recursive=True)
    loaded.save(properties={"other": 3})
    found = properties(api, loaded)
    assert found.pop("other") == 3 and found.keys() == {SOURCES, PREFIXES}
    assert len(found[SOURCES]) == 2 and found[PREFIXES] == folders(filled, "c/")


def test_nothing_is_changed_for_nothing(api: Any) -> None:
    made = pb.Collection(api_client=api)
    with made.open("ordinary", "w") as f:
        f.write("text")
    made.save_new()
    assert properties(api, made) == {}
    made.save(properties={"a": 1})
    before = made.api_response()["modified_at"]
    made.save()
    assert properties(api, made) == {"a": 1} and made.api_response()["modified_at"] == before


def test_copies(filled: Bucket, api: Any) -> None:
    """A file that is copied brings its folders; a clone the imports too."""
    made = pb.import_from_s3(filled.url("a/"), api_client=api)
    twin = made.clone()
    made.save_new()
    other = pb.Collection(api_client=api)
    other.copy("one", "here", made)
    other.save_new()
    assert properties(api, other) == {PREFIXES: folders(filled, "a/")}
    for copy in (twin, made.clone()):
        copy.save_new()
        assert urls(properties(api, copy)) == [filled.url("a/")] and len(properties(api, copy)[PREFIXES]) == 4
    # The API client cannot take the last property away.
    other.remove("here")
    other.save()
    assert properties(api, other) == {PREFIXES: []}


def test_refused_as_ever(filled: Bucket, api: Any) -> None:
    made = pb.import_from_s3(filled.url("a/"), api_client=api)
    with made.open("more", "w") as f:
        f.write("text")
    with pytest.raises(AssertionError, match="save_new"):
        made.save()
    for properties in ("text", ["list"]):
        with pytest.raises(arvados.errors.ArgumentError, match="dictionary"):
            made.save_new(properties=properties)
    made.save_new()
    with pytest.raises(OSError, match="ead"):
        pb.CollectionReader(made.manifest_locator(), api).save_new()


@pytest.mark.usefixtures("no_shared_state")
def test_stock_classes(filled: Bucket, api: Any) -> None:
    pb.enable()
    made = arvados.collection.Collection(api_client=api)
    made.import_from_s3(filled.url("a/"))  # type: ignore[attr-defined]
    made.save_new(name="stock", properties={"mine": 1})
    found = properties(api, made)
    assert urls(found) == [filled.url("a/")] and found[PREFIXES] == folders(filled, "a/", "a/b/") and found["mine"] == 1
    made.remove("b", recursive=True)
    made.save()
    assert properties(api, made)[PREFIXES] == folders(filled, "a/")


def test_sources_of_the_same() -> None:
    def merged(*pairs: dict[str, Any]) -> list[Any]:
        return list(_recording.record({SOURCES: list(pairs[:-1])}, pairs[-1:], [])[SOURCES])

    by_url, by_key = {"url": "s3://b/a%20b", "files": 1}, {"bucket": "b", "key": "a b", "files": 2}
    assert merged(by_url, by_key) == [by_key]
    for other in ({"path": "p"}, {"include_regexp": ["x"]}, {"exclude": ["*"]}):
        assert merged(by_url, {**by_url, **other}) == [by_url, {**by_url, **other}]
    # What others wrote there is of no use.
    for odd in ("text", [1], [{"url": 1}], [{"url": "s3://b/", "include": "x"}], {"a": 1}):
        assert _recording.record({SOURCES: odd, "x": 1}, [by_key], []) == {SOURCES: [by_key], "x": 1}
        assert _recording.record({SOURCES: odd}, [], []) == {SOURCES: odd}
    many = [{"url": f"s3://b/{n}"} for n in range(150)]
    assert _recording.record({}, many, ["s3://b/"]) == {SOURCES: many[50:], PREFIXES: ["s3://b/"]}


def test_folders() -> None:
    def locator(*names: str) -> str:
        hints = (base64.urlsafe_b64encode(f"s3://{n}?versionId=1".encode()).decode().rstrip("=") for n in names)
        return "f" * 32 + "+1" + "".join(f"+B{hint}+C0" for hint in hints)

    prefixes = Prefixes()
    for text in (
        locator("b/x/y", "c/z/w"),
        "d41d8cd98f00b204e9800998ecf8427e+0",
        "f" * 32 + "+1+Bé+C0",
        "f" * 32 + "+1+BQQ+C0",
    ):
        prefixes.add(text)
    assert prefixes.listed() == ["s3://b/", "s3://c/", "s3://b/x/", "s3://c/z/"]
    for n in range(600):
        prefixes.add(locator(f"b/x/deep{n}/o"))
    assert prefixes.listed() == ["s3://b/", "s3://c/", "s3://b/x/", "s3://c/z/"]
