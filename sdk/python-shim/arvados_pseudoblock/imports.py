# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Imports: S3 URLs and prefixes become files, by reference.

The work is done by keepstore (``POST /s3/import``), which streams one line per
file. A broken stream is taken up where it broke; without its last line an
import is not complete, and nothing of it is used.
"""

from __future__ import annotations

import datetime
import json
import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import arvados.keep

from . import _outlook, errors
from ._fetch import SETTING, Fetcher
from ._http import BrokenError, Reply
from ._reader import reader_of
from .locators import Block, parse

__all__ = ["File", "Progress", "Skipped", "Source", "Summary", "events", "sources_of"]

_logger = logging.getLogger("arvados.pseudoblock")
_LONGEST = 256 << 20  # bytes of a line; that of the largest object, in content form, has 200 MB
_MOST_SKIPPED = 1000  # lines that a Summary keeps
_FILTERS = ("include", "exclude", "include_regexp", "exclude_regexp")
# What one request takes (docs/protocol.md); of the 1 MiB some is left for a resume token.
_MOST_SOURCES, _MOST_BYTES = 10_000, (1 << 20) - (64 << 10)


@dataclass(frozen=True)
class Source:
    """One thing to import: a URL, or bucket and key taken as they are, without
    percent-decoding. The rest as in `Collection.import_from_s3`."""

    url: str = ""
    path: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    as_of: datetime.datetime | str | None = None
    bucket: str = ""
    key: str = ""
    include_regexp: tuple[str, ...] = ()
    exclude_regexp: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As the server wants it."""
        out: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name)}
        out.update({name: _listed(out[name]) for name in _FILTERS if name in out})
        if isinstance(self.as_of, datetime.datetime):
            out["as_of"] = self.as_of.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return out


@dataclass(frozen=True)
class File:
    """One imported object: its path in the collection, S3 URL without version,
    version, size in bytes, and locators with spaces between."""

    path: str
    url: str
    size: int
    locator: str
    version_id: str = ""
    etag: str = ""
    last_modified: str = ""
    storage_class: str = ""
    archived: bool = False
    weak_pin: bool = False


@dataclass(frozen=True)
class Skipped:
    """One key or source that was left out: a stable word, and a sentence."""

    url: str
    reason: str
    text: str = ""


@dataclass(frozen=True)
class Progress:
    """Counts so far. ``listed`` is ``files`` + ``skipped``; ``bytes`` are those
    of the files; ``bytes_read`` those that content form had to read."""

    listed: int = 0
    files: int = 0
    bytes: int = 0
    skipped: int = 0
    archived: int = 0
    weak_pins: int = 0
    bytes_read: int = 0


@dataclass(frozen=True)
class Summary:
    """How an import ended. ``status``: complete, partial (something was left out
    that no filter named; see ``skipped_by_reason``), or empty. ``skipped`` holds
    the first thousand keys left out. ``requests`` counts what the server asked of
    S3, as ``list``, ``head`` and ``get``. ``portable_data_hash`` is that of the files
    imported, before anything else is in the collection. ``lifecycle`` and
    ``object_lock`` say how long the versions stay, as in docs/protocol.md."""

    files: int = 0
    bytes: int = 0
    listed: int = 0
    status: str = ""
    portable_data_hash: str = ""
    archived: int = 0
    weak_pins: int = 0
    skipped_by_reason: dict[str, int] = field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()
    requests: dict[str, int] = field(default_factory=dict)
    lifecycle: tuple[dict[str, Any], ...] = ()
    object_lock: tuple[dict[str, Any], ...] = ()
    outlook = property(_outlook.sentences)


Event = File | Skipped | Progress | Summary

_T = TypeVar("_T")


def sources_of(
    url_or_urls: str | Source | Iterable[str | Source],
    path: str | None = None,
    *,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    as_of: datetime.datetime | str | None = None,
    include_regexp: Iterable[str] = (),
    exclude_regexp: Iterable[str] = (),
) -> list[Source]:
    """Sources out of what a caller writes. The options are for URLs; a `Source` has its own."""
    given = [url_or_urls] if isinstance(url_or_urls, (str, Source)) else list(url_or_urls)
    if not given:
        raise errors.UsageError("an import needs at least one S3 URL")
    filters = zip(_FILTERS, (include, exclude, include_regexp, exclude_regexp), strict=True)
    common = {"path": path, "as_of": as_of, **{name: tuple(_listed(given)) for name, given in filters}}
    return [one if isinstance(one, Source) else Source(one, **common) for one in given]  # type: ignore[arg-type]


def _listed(patterns: Iterable[str]) -> list[str]:
    return [patterns] if isinstance(patterns, str) else list(patterns)


def _check_size(body: dict[str, Any]) -> None:
    sources, size = len(body["sources"]), len(json.dumps(body).encode())
    if sources > _MOST_SOURCES or size > _MOST_BYTES:
        raise errors.UsageError(
            f"{sources} sources of {size} bytes are more than one request takes ({_MOST_SOURCES} and {_MOST_BYTES}): "
            "import them in several calls, or with `keepstore import --from`, which takes a list of any length"
        )


def _known(kind: type[_T], line: dict[str, Any]) -> _T:
    """A line as a value. Fields that a newer server adds are left out."""
    names = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    try:
        return kind(**{k: v for k, v in line.items() if k in names})
    except TypeError as error:
        raise BrokenError(f"a line of the import cannot be understood: {error}") from None


def events(
    keep: arvados.keep.KeepClient, sources: Iterable[Source], form: str | None = None, num_retries: int | None = None
) -> Iterator[Event]:
    """Imports, and yields `File`, `Skipped` and `Progress` as they come, and a
    `Summary` at the end. Holds few of them in memory, whatever their number.

    Raises `errors.Error`; `IncompleteError` when the stream ended early. What
    was yielded before is then of no use."""
    body: dict[str, Any] = {"sources": [s.to_json() for s in sources]}
    if form:
        body["form"] = form
    _check_size(body)
    run = _Import(reader_of(keep).fetcher, body)
    retries = run.fetcher.num_retries if num_retries is None else num_retries
    yield from run.until_done(retries)


class _Import:
    """One import, over as many requests as it takes."""

    def __init__(self, fetcher: Fetcher, body: dict[str, Any]) -> None:
        self.fetcher = fetcher
        self._body = body
        self._resume = ""
        self._held: list[File | Skipped] = []  # since the last point to resume from
        self._skipped: list[Skipped] = []
        self._ended = False

    def until_done(self, retries: int) -> Iterator[Event]:
        failed = 0
        while not self._ended:
            before = self._resume
            try:
                yield from self._request()
                continue
            except (BrokenError, errors.UnavailableError) as error:
                failed = failed + 1 if self._resume == before else 1
                if failed > retries:
                    raise errors.gave_up(error) from error
                _logger.warning("the import broke off and is taken up again: %s", error)
            self._held.clear()
            time.sleep(min(2**failed, 60))

    def _request(self) -> Iterator[Event]:
        """One request; ends the import with the line that says that it is complete."""
        root = import_root(self.fetcher)
        headers = {**self.fetcher.headers(), "Content-Type": "application/json", "Accept": "application/x-ndjson"}
        body = json.dumps({**self._body, **({"resume": self._resume} if self._resume else {})}).encode()
        for line in _lines(self.fetcher.transport.stream(root + "s3/import", headers, (20, 256), body)):
            yield from self._take(line)
        if not self._ended:
            raise BrokenError("the import ended without its last line")

    def _take(self, line: dict[str, Any]) -> Iterator[Event]:
        kind = line.get("type")
        if kind == "file":
            self._held.append(_known(File, line))
        elif kind == "skipped":
            self._held.append(_known(Skipped, line))
        elif kind == "progress":
            if line.get("resume"):
                self._resume = line["resume"]
                yield from self._release()
            yield _known(Progress, line)
        elif kind == "error":
            self._resume = line.get("resume") or self._resume
            raise errors.from_word(str(line.get("error", "")), str(line.get("text", "")))
        elif kind == "done":
            yield from self._release()
            self._ended = True
            yield _known(Progress, line)
            yield replace(_known(Summary, {**line, **_outlook.of(line), "skipped": ()}), skipped=tuple(self._skipped))

    def _release(self) -> Iterator[Event]:
        """Hands out what no resumed request will send again."""
        for event in self._held:
            if isinstance(event, Skipped) and len(self._skipped) < _MOST_SKIPPED:
                self._skipped.append(event)
            yield event
        self._held.clear()


def _lines(pieces: Iterable[tuple[Reply, bytes]]) -> Iterator[dict[str, Any]]:
    """The lines of a reply; raises what the server says if it is no success."""
    rest, refused, reply = b"", bytearray(), Reply()
    for reply, piece in pieces:
        if reply.status != 200:
            refused += piece
            if len(refused) > 64 << 10:
                break  # the text of an error may never end
            continue
        *whole, rest = (rest + piece).split(b"\n")
        yield from map(_object, filter(None, whole))
        if len(rest) > _LONGEST:
            raise BrokenError("a line of the import is too long")
    if reply.status != 200:
        raise errors.from_reply(reply.status, reply.headers.get("x-keep-error", ""), bytes(refused))
    if rest:
        raise BrokenError("the import broke off within a line")


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        raise BrokenError("a line of the import is no JSON") from None
    if not isinstance(value, dict):
        raise BrokenError("a line of the import is no object")
    return value


def import_root(fetcher: Fetcher) -> str:
    """The URL of the Keep service that imports from S3: the first that answers
    ``GET /s3/access``. Raises `NoServerError`, or what the service says."""
    asked: list[tuple[str, Exception]] = []
    for root in fetcher.roots(None, refresh=True):
        try:
            reply = fetcher.transport.request("GET", root + "s3/access", fetcher.headers(), (20, 256))
        except BrokenError as failure:
            asked.append((root, failure))
            continue
        if 200 <= reply.status < 300:
            return root
        word = reply.headers.get("x-keep-error", "")
        answer = errors.from_reply(reply.status, word, bytes(reply.body))
        if word and word != "no-route":
            raise answer
        asked.append((root, answer))
    if asked and all(isinstance(e, BrokenError) or getattr(e, "status", 0) >= 500 for _, e in asked):
        raise errors.UnavailableError("no Keep service answers", request_errors=asked)
    raise errors.NoServerError(
        f"no Keep service of this cluster imports from S3: ask the operator for one, or set {SETTING}",
        request_errors=asked,
    )


def sign_again(keep: arvados.keep.KeepClient, block: Block) -> str:
    """The locator of the same extent, signed for the token of the client."""
    obj = block.obj
    source = Source(url=obj.url) if obj.version_id else Source(bucket=obj.bucket, key=obj.key)
    for event in events(keep, [source], form=block.form):
        for text in event.locator.split() if isinstance(event, File) else ():
            if parse(text).identity == block.identity:
                return text
    raise errors.UsageError(
        f"{block.locator.unsigned()} cannot be signed here: "
        f"an import of {obj.url} gives other blocks; import the object again"
    )
