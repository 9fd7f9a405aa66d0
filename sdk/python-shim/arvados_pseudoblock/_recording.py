# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""The properties that say where a collection came from, as sdk/go/collection
writes them (source.go; docs/collection.md), and saving with them.

As in `_files`, `save` and `save_new` serve our collections and `enable` alike.
"""

from __future__ import annotations

import datetime
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import arvados.collection

from ._printing import Prefixes

if TYPE_CHECKING:
    from .imports import Progress, Source

__all__ = [
    "PREFIXES",
    "SOURCES",
    "cloned",
    "in_collection",
    "note",
    "record",
    "records_of",
    "save",
    "save_new",
    "with_sources",
]

SOURCES = "arv:s3_sources"
"""Property of a collection: the imports that it came from."""
PREFIXES = "arv:s3_prefixes"
"""Property of a collection: the folders in S3 with an object of it."""

_MOST_SOURCES = 100
_PLAIN = ("url", "bucket", "key", "path")
_LISTS = ("include", "exclude", "include_regexp", "exclude_regexp")
_stock_save = arvados.collection.Collection.save
_stock_save_new = arvados.collection.Collection.save_new


def records_of(sources: Iterable[Source], counts: Progress) -> list[dict[str, Any]]:
    """What the property `SOURCES` says of an import."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    told = {"imported_at": now, "files": counts.files, "bytes": counts.bytes, "skipped": counts.skipped}
    told.update({n: v for n, v in (("weak_pins", counts.weak_pins), ("archived", counts.archived)) if v})
    return [{**source.to_json(), **told} for source in sources]


def record(properties: dict[str, Any], imported: Iterable[dict[str, Any]], prefixes: list[str]) -> dict[str, Any]:
    """Properties with what is known of the imports, old and new, and with the
    folders that there are now. All others stay."""
    made, imported = dict(properties), list(imported)
    if imported:
        made[SOURCES] = _merged(made.get(SOURCES), imported)[-_MOST_SOURCES:]
    made.pop(PREFIXES, None)
    return {**made, PREFIXES: prefixes} if prefixes else made


def _merged(known: Any, imported: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Imports known and new; a new one takes the place of an older of the same
    source, with the same path and filters. What is no list of imports is of no use."""
    usable = known if isinstance(known, list) and all(map(_is_record, known)) else []
    found: dict[str, dict[str, Any]] = {}  # one import may have 10,000 sources
    for one in [*usable, *imported]:
        source = _source_of(one)
        found.pop(source, None)
        found[source] = one
    return list(found.values())


def _is_record(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and all(isinstance(value.get(name) or "", str) for name in _PLAIN)
        and all(isinstance(value.get(name) or [], list) for name in _LISTS)
    )


def _source_of(one: dict[str, Any]) -> str:
    url = one.get("url") or f"s3://{one.get('bucket', '')}/{_escaped(one.get('key') or '')}"
    return repr([url, one.get("path") or "", *(one.get(name) or [] for name in _LISTS)])


def _escaped(key: str) -> str:
    return urllib.parse.quote(key, safe="/", errors="surrogateescape")


def note(collection: Any, records: list[dict[str, Any]]) -> None:
    """Keeps what `records_of` says of an import until the collection is saved."""
    collection._s3_imported = [*_noted(collection), *records]


def cloned(copy: Any, collection: Any) -> None:
    """Lets a copy that has no record on the API server keep the imports of its original."""
    copy._s3_imported = _merged(_stored(collection).get(SOURCES), _noted(collection))


def in_collection(collection: Any, properties: dict[str, Any]) -> dict[str, Any]:
    """These properties, and what is to be recorded of a collection as it is now:
    the imports that it was loaded with and those since, and its folders in S3."""
    prefixes = Prefixes()
    for locator in _locators(collection):
        prefixes.add(locator)
    return record(_with_stored(collection, properties), _noted(collection), prefixes.listed())


def with_sources(collection: Any, properties: dict[str, Any]) -> dict[str, Any]:
    """These properties, and the imports that a collection was loaded with and those since."""
    return record(_with_stored(collection, properties), _noted(collection), [])


def _with_stored(collection: Any, properties: dict[str, Any]) -> dict[str, Any]:
    stored = _stored(collection).get(SOURCES)
    return properties if SOURCES in properties or not stored else {**properties, SOURCES: stored}


def _noted(collection: Any) -> list[dict[str, Any]]:
    return list(getattr(collection, "_s3_imported", ()))


def _stored(collection: Any) -> dict[str, Any]:
    return dict((collection.api_response() or {}).get("properties") or {})


def _locators(tree: Any) -> Iterator[str]:
    for _, item in tree.items():
        if hasattr(item, "keys"):
            yield from _locators(item)
        else:
            for segment in item.segments():
                yield segment.locator


def save(
    self: Any,
    properties: Any = None,
    storage_classes: Any = None,
    trash_at: Any = None,
    merge: bool = True,
    num_retries: int | None = None,
    preserve_version: bool = False,
) -> str:
    """As `arvados.collection.Collection.save` does, and records where the contents
    come from. ``properties``, where given, take the place of all others."""
    with self.lock:
        if _can_record(self, properties) and _is_stored_here(self):
            if merge and not self.committed():
                self._my_block_manager().commit_all()
                self.update(num_retries=num_retries)  # so that the newest properties are kept
                merge = False
            if properties or not self.committed():
                properties = _changed(_stored(self), in_collection(self, properties or _stored(self))) or properties
        saved = _stock_save(
            self,
            properties,
            storage_classes,
            trash_at,
            merge,
            num_retries=num_retries,
            preserve_version=preserve_version,
        )
        self._s3_imported = []
        return saved


def save_new(
    self: Any,
    name: str | None = None,
    create_collection_record: bool = True,
    owner_uuid: str | None = None,
    properties: Any = None,
    *args: Any,
    **kwargs: Any,
) -> str:
    """As `arvados.collection.Collection.save_new` does, and records where the contents come from."""
    with self.lock:
        if create_collection_record and _can_record(self, properties):
            properties = in_collection(self, properties or {}) or properties
        text = _stock_save_new(self, name, create_collection_record, owner_uuid, properties, *args, **kwargs)
        if create_collection_record:
            self._s3_imported = []
        return text


def _can_record(collection: Any, properties: Any) -> bool:
    """False for what the stock methods refuse."""
    return collection.writable() and (not properties or type(properties) is dict)


def _is_stored_here(collection: Any) -> bool:
    return bool(collection._has_collection_uuid() and collection._has_local_collection_uuid())


def _changed(stored: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """What to store: nothing where that is there. The stock methods take no empty
    properties, so the last one is emptied in place of being taken away."""
    if wanted == stored:
        return {}
    return wanted or {PREFIXES: []}
