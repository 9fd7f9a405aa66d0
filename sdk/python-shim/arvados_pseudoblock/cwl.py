# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""CWL inputs in S3, without copying: ``s3://`` becomes ``keep:``.

A `Rewriter` imports, by reference, what the ``File`` and ``Directory`` objects
of job orders and workflows name, and puts references to the new collections in
their places. Runners then see ordinary Keep inputs.
"""

from __future__ import annotations

import copy
import datetime
import email.utils
import logging
import posixpath
import re
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import errors, imports
from ._merging import check_hash
from ._printing import Prefixes
from ._recording import SOURCES, record, records_of
from .imports import File, Progress, Skipped, Source, Summary
from .keep import KeepClient
from .manifests import Writer

__all__ = ["SOURCES", "Imported", "Rewriter", "siblings"]

_logger = logging.getLogger("arvados.pseudoblock.cwl")

COLLECTION_UUID = "http://arvados.org/cwl#collectionUUID"
"""Field of a File or Directory by which arvados-cwl-runner knows its collection."""

_MOST_FILES = 1000  # in one import, and so in one property


@dataclass(frozen=True)
class Imported:
    """One collection made, or found, for a prefix."""

    url: str
    uuid: str
    portable_data_hash: str
    files: int
    bytes: int
    reused: bool


@dataclass
class _Group:
    """What is imported together: a prefix, or files that lie in one folder."""

    url: str
    files: dict[str, str] = field(default_factory=dict)  # by name in the collection: URL
    optional: set[str] = field(default_factory=set)  # names that need not exist


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """All objects in a document, each once: with anchors, one can stand in many
    places, and in itself."""
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, (dict, list)) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            yield one
        waiting += reversed(list(one.values()) if isinstance(one, dict) else one)


def walk(value: Any) -> Iterator[dict[str, Any]]:
    """All File and Directory objects in a document that are in S3, at any depth."""
    return (one for one in nodes(value) if _s3_url(one))


def _s3_url(value: Mapping[str, Any]) -> str:
    """The S3 URL of a File or Directory object, or nothing."""
    if value.get("class") not in ("File", "Directory"):
        return ""
    found = value.get("location") or value.get("path")
    return found if isinstance(found, str) and found.startswith("s3://") else ""


def _listed(item: Mapping[str, Any]) -> bool:
    """Whether a Directory tells what is in it. Then it is that, and not all below its prefix."""
    return item.get("class") == "Directory" and isinstance(item.get("listing"), list) and bool(item["listing"])


def _split(url: str) -> tuple[str, str, str]:
    """Folder URL with / at its end, name as it stands in the URL, and query."""
    path, _, query = url.partition("?")
    name = re.split(r"/|%2[Ff]", path)[-1]
    return path.removesuffix(name), name, query


def siblings(url: str, pattern: str) -> str:
    """The URL that a ``secondaryFiles`` pattern of CWL names: each ^ takes an
    extension off, the rest is added. Empty for expressions."""
    if "$(" in pattern or "${" in pattern:
        return ""
    folder, name, _ = _split(url)
    pattern = pattern.removesuffix("?")
    while pattern.startswith("^"):
        pattern, name = pattern[1:], posixpath.splitext(name)[0]
    return folder + name + urllib.parse.quote(pattern)


class Rewriter:
    """Rewrites documents for one Arvados user.

    ``project_uuid``: where collections are made (default: the user's home).
    ``form``, ``as_of``: as in `Collection.import_from_s3`; content form is for
    clusters whose compute nodes have stock clients only. ``allow_partial``:
    take a Directory of which something was left out. What was imported is in
    ``imported``. Raises `arvados_pseudoblock.errors`.
    """

    def __init__(
        self,
        api_client: Any,
        project_uuid: str | None = None,
        *,
        form: str | None = None,
        as_of: datetime.datetime | str | None = None,
        allow_partial: bool = False,
        progress: Callable[[Progress], object] | None = None,
    ) -> None:
        self.imported: list[Imported] = []
        self._api = api_client
        self._keep = KeepClient(api_client=api_client)
        self._project = project_uuid
        self._form, self._as_of = form, as_of
        self._allow_partial = allow_partial
        self._progress = progress
        self._places: dict[tuple[str, str], tuple[str, str]] = {}  # class and URL: location, collection

    def rewrite(self, *documents: Any, patterns: Mapping[str, Iterable[str]] | None = None) -> list[Any]:
        """Copies of the documents with ``keep:`` in place of ``s3://``.

        ``patterns``: for inputs of the first document, by name, the
        ``secondaryFiles`` that the workflow wants, and for fields of records by
        "input/field"; they are imported beside their files where they exist.
        One import is made per prefix."""
        found = [item for document in documents for item in walk(document) if not _listed(item)]
        beside = _wanted_beside(documents[0], patterns or {}) if documents else {}
        for group in self._groups(found, beside):
            self._import(group)
        copies = [copy.deepcopy(document) for document in documents]
        for item in (item for document in copies for item in walk(document)):
            self._replace(item)
        return copies

    def _groups(self, found: list[dict[str, Any]], beside: Mapping[str, Iterable[str]]) -> Iterator[_Group]:
        """What is not imported yet, in as few imports as can be."""
        urls = [(str(item["class"]), _s3_url(item)) for item in found]
        for kind, url in dict.fromkeys(urls):
            if kind == "Directory" and (kind, url) not in self._places:
                yield _Group(url)
        families = {url: list(beside.get(url, ())) for kind, url in urls if kind == "File"}
        folders: dict[str, list[_Group]] = {}
        for url, family in families.items():
            if not self._together([url, *family]):
                _join(folders, url, family)
        for groups in folders.values():
            yield from groups

    def _together(self, urls: list[str]) -> bool:
        """Whether files are imported already, and into one collection."""
        return (
            len({self._places.get(("File", url), ("", url))[1] for url in urls}) == 1
            and ("File", urls[0]) in self._places
        )

    def _import(self, group: _Group) -> None:
        """Imports one group, and saves it as a collection unless there is one."""
        writer, text, files, skipped, summary = Writer(), [], [], [], Summary()
        counts, prefixes = Progress(), Prefixes()
        for event in imports.events(self._keep, self._sources(group), self._form):
            if isinstance(event, File):
                text.append(writer.add(event.path, event.size, event.locator.split()))
                prefixes.add(event.locator)
                if group.files:
                    files.append(event)
            elif isinstance(event, Skipped):
                skipped.append(event)
                del skipped[_MOST_FILES:]
            elif isinstance(event, Progress):
                counts = event
                if self._progress:
                    self._progress(event)
            elif isinstance(event, Summary):
                summary = event
        text.append(writer.flush())
        check_hash(writer, summary)
        self._check_whole(group, files, skipped, summary)
        properties = record(self._properties(group, files, counts), [], prefixes.listed())
        self._place(group, files, self._saved(group, properties, "".join(text), summary))

    def _sources(self, group: _Group) -> list[Source]:
        if not group.files:
            return [Source(_folder(group.url), as_of=self._as_of)]
        return [Source(url, as_of=None if "?" in url else self._as_of) for url in group.files.values()]

    def _check_whole(self, group: _Group, files: list[File], skipped: list[Skipped], summary: Summary) -> None:
        """Refuses an input of which something is missing."""
        if not group.files and summary.status == "partial" and not self._allow_partial:
            left_out = "; ".join(f"{s.url}: {s.text or s.reason}" for s in skipped[:3])
            raise errors.IncompleteError(
                f"{group.url} cannot be imported whole ({summary.skipped_by_reason}): {left_out}. "
                "Allow partial directories to run without these"
            )
        there = {f.path for f in files}
        for name in set(group.files) - group.optional - there:
            url = group.files[name]
            for one in skipped:
                if one.url in (url, url.partition("?")[0]) or urllib.parse.unquote(one.url) == urllib.parse.unquote(
                    url
                ):
                    raise errors.from_word(one.reason, one.text)
            raise errors.NotFoundError(f"{url} was not imported, and the server does not say why")

    def _saved(self, group: _Group, properties: dict[str, Any], text: str, summary: Summary) -> str:
        """The UUID of a collection with these contents and sources, made if need be."""
        pdh = summary.portable_data_hash
        filters = [["portable_data_hash", "=", pdh], ["properties", "exists", SOURCES]]
        for item in self._api.collections().list(filters=filters, select=["uuid", "properties"]).execute()["items"]:
            if _named(item["properties"].get(SOURCES)) == _named(properties[SOURCES]):
                return self._told(group, summary, str(item["uuid"]), reused=True)
        name = f"Imported from {group.url}"
        body = {"manifest_text": text, "name": name[:200], "properties": properties}
        if self._project:
            body["owner_uuid"] = self._project
        made = self._api.collections().create(ensure_unique_name=True, body={"collection": body}).execute()
        return self._told(group, summary, str(made["uuid"]), reused=False)

    def _told(self, group: _Group, summary: Summary, uuid: str, *, reused: bool) -> str:
        made = Imported(group.url, uuid, summary.portable_data_hash, summary.files, summary.bytes, reused)
        self.imported.append(made)
        _logger.info(
            "%s is %s (%d files, %d bytes%s)", made.url, uuid, made.files, made.bytes, ", found again" if reused else ""
        )
        return uuid

    def _properties(self, group: _Group, files: list[File], counts: Progress) -> dict[str, Any]:
        sources = records_of(self._sources(group), counts)
        if not group.files:
            return {SOURCES: sources}
        by_path = {f.path: f for f in files}
        named = [(url, by_path[name]) for name, url in group.files.items() if name in by_path]
        told = {one["url"]: one for one in sources}
        sources = [{**told[url], "version_id": f.version_id, "etag": f.etag} for url, f in named]
        needed = [(url, f) for url, f in named if f.path not in group.optional]
        # The stock cache of downloads takes the first file of a collection for the
        # object, so it is told only of a file that stands alone with its siblings.
        return {SOURCES: sources, **(_stock_cache(*needed[0]) if len(needed) == 1 else {})}

    def _place(self, group: _Group, files: list[File], uuid: str) -> None:
        pdh = self.imported[-1].portable_data_hash
        if not group.files:
            self._places["Directory", group.url] = (f"keep:{pdh}", uuid)
        for f in files:
            self._places["File", group.files[f.path]] = (f"keep:{pdh}/{urllib.parse.quote(f.path)}", uuid)

    def _replace(self, item: dict[str, Any]) -> None:
        url = _s3_url(item)
        item.setdefault("basename", urllib.parse.unquote(_split(url.rstrip("/"))[1]))
        listed = _listed(item)
        for name in ("path", "location") if listed else ("path", "listing"):
            item.pop(name, None)
        if not listed:
            location, uuid = self._places[item["class"], url]
            item.update({"location": location, COLLECTION_UUID: uuid})


def _named(sources: Any) -> list[Any]:
    """What sources are, without when and how many."""
    listed = sources if isinstance(sources, list) else []
    return [[one.get(n) or "" for n in ("url", "version_id", "etag")] for one in listed if isinstance(one, dict)]


def _folder(url: str) -> str:
    if "?" in url:
        raise errors.UsageError(f"{url}: a Directory is a prefix, which has no version; use a time to pin it")
    return url if url.endswith("/") else url + "/"


def _join(folders: dict[str, list[_Group]], url: str, beside: list[str]) -> None:
    """Puts a file, and what must lie beside it, to others of its folder, where names and room allow it."""
    folder = _split(url)[0]
    family = {_name(url): url}
    for one in beside:
        if _split(one)[0] == folder:
            family.setdefault(_name(one), one)
    groups = folders.setdefault(folder, [])
    for group in reversed(groups):
        if _fits(group, family):
            break
    else:
        group = _Group(folder)
        groups.append(group)
    group.optional |= family.keys() - group.files.keys()
    group.optional.discard(_name(url))
    group.files.update(family)


def _fits(group: _Group, family: Mapping[str, str]) -> bool:
    return len(group.files) + len(family) <= _MOST_FILES and all(
        group.files.get(name, url) == url for name, url in family.items()
    )


def _name(url: str) -> str:
    name = urllib.parse.unquote(_split(url)[1])
    if not name:
        raise errors.UsageError(f"{url}: a File is one object, not a prefix; use a Directory")
    return name


def _wanted_beside(job: Any, patterns: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """URLs of the secondary files that inputs of the job order want and do not list, by the URL of their file."""
    found: dict[str, list[str]] = {}
    for name, wanted in patterns.items():
        for item in _at(job, name.split("/")):
            if isinstance(item, dict) and item.get("class") == "File" and "secondaryFiles" not in item:
                url = _s3_url(item)
                found.setdefault(url, []).extend(filter(None, (siblings(url, pattern) for pattern in wanted if url)))
    return found


def _at(value: Any, path: list[str]) -> Iterator[Any]:
    """What lies at a path of names, in arrays too."""
    for one in _items(value) if path != [] else ():
        held = one.get(path[0]) if isinstance(one, dict) else None
        yield from _at(held, path[1:]) if path[1:] else _items(held)


def _items(value: Any) -> Iterator[Any]:
    """What a value holds, when it is an array of arrays; else the value."""
    if isinstance(value, list):
        for inner in value:
            yield from _items(inner)
    else:
        yield value


def _stock_cache(url: str, f: File) -> dict[str, Any]:
    """Properties by which the stock runner finds an earlier download of a URL: for a
    day, or for ever where the URL names a version. Not for URLs with %, which it
    takes literally."""
    if "%" in url or "#" in url or not f.etag:
        return {}
    headers = {
        "Etag": '"' + f.etag.strip('"') + '"',
        "Date": email.utils.format_datetime(datetime.datetime.now(datetime.timezone.utc), usegmt=True),
        "Content-Length": str(f.size),
    }
    plain = url.partition("?")[0]
    pinned = f"{plain}?{urllib.parse.urlencode({'versionId': f.version_id}, safe='/')}" if f.version_id else ""
    found = {pinned: {**headers, "Cache-Control": "immutable"}} if pinned else {}
    return found if "?" in url else {url: headers, **found}
