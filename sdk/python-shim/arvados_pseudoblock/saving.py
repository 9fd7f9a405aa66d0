# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Storing collections, in several parts where one request cannot hold them.

The text goes from disk to the API server, so memory does not grow with it. An
interrupt between two parts takes back those that are stored.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import arvados.errors
import arvados.retry
import arvados.util
import httplib2

from . import _files, _recording
from ._http import BrokenError, Reply, Transport
from ._interrupts import put_off
from ._printing import PART_SIZE, Cutter, Prefixes, Printer, json_length
from ._spool import Entry
from .errors import IncompleteError, UnavailableError, UsageError
from .manifests import escape

__all__ = ["PART", "Attributes", "entries_of", "save_all"]

PART = "arv:s3_part"
"""Property of a part: ``part`` and ``of``."""

_ATTRIBUTES = 1 << 20  # room in a request for everything but the manifest
_logger = logging.getLogger("arvados.pseudoblock")


@dataclass(frozen=True)
class Attributes:
    """What is stored beside the manifest. ``sources``: see `_recording.records_of`."""

    name: str
    owner_uuid: str | None = None
    properties: dict[str, Any] | None = None
    sources: tuple[dict[str, Any], ...] = ()
    ensure_unique_name: bool = True

    def of_part(self, part: int, parts: int, prefixes: list[str]) -> dict[str, Any]:
        """Those of one part of several, or of the one."""
        properties = _recording.record(self.properties or {}, self.sources, prefixes)
        name = self.name
        if parts > 1:
            name = f"{name} (part {part} of {parts})"
            properties[PART] = {"part": part, "of": parts}
        owner = {"owner_uuid": self.owner_uuid} if self.owner_uuid else {}
        return {"name": name, "properties": properties, **owner}


def entries_of(tree: Any, folder: str = "") -> Iterator[Entry]:
    """The files of a collection in the order of the bytes of their paths, and its empty folders."""
    names = {name + "/" if hasattr(item, "keys") else name: item for name, item in tree.items()}
    for name in sorted(names):
        item, here = names[name], escape(name.removesuffix("/"))
        if not hasattr(item, "keys"):
            yield folder, here, _files.manifest_segments(item)
        elif len(item) == 0:
            yield folder, here, None
        else:
            yield from entries_of(item, f"{folder}/{here}" if folder else here)


def save_all(
    api: Any,
    entries: Callable[[], Iterable[Entry]],
    attributes: Attributes,
    num_retries: int = 10,
) -> list[dict[str, Any]]:
    """Stores files, in the order of their paths, as one new collection, or in
    parts; returns uuid, name and portable_data_hash of each. ``entries`` is called
    once or twice. All or nothing: if a part cannot be stored, or the program is
    interrupted between two, those before go into the trash."""
    most = int(api._rootDesc.get("maxRequestSize") or 128 << 20) - _ATTRIBUTES
    with tempfile.TemporaryFile(prefix="arv-import-s3-") as text:
        parts = _print(entries(), text, None, most)
        if parts is None:
            parts = _print(entries(), text, Cutter(min(PART_SIZE, most)), most) or []
        return _store(_Server(api, num_retries), parts, text.fileno(), attributes)


@dataclass
class _Part:
    """Where the text of a part lies, as it stands in JSON."""

    start: int
    printer: Printer
    prefixes: Prefixes
    end: int = 0


def _print(entries: Iterable[Entry], out: Any, cutter: Cutter | None, most: int) -> list[_Part] | None:
    """Prints all parts, or without a cutter the one; None where that is too large."""
    out.seek(0)
    out.truncate()
    parts = [_Part(0, Printer(), Prefixes())]
    length = 0

    def write(lines: str) -> None:
        nonlocal length
        if lines:
            length += json_length(lines) - 2
            out.write(json.dumps(lines, ensure_ascii=False)[1:-1].encode())

    for folder, name, pieces in entries:
        if cutter and _begins(cutter, folder, name, pieces):
            write(parts[-1].printer.flush())
            parts[-1].end = out.tell()
            parts.append(_Part(out.tell(), Printer(), Prefixes()))
        write(_add(parts[-1], folder, name, pieces))
        if cutter is None and length + 2 > most:
            return None
    write(parts[-1].printer.flush())
    parts[-1].end = out.tell()
    out.flush()
    return None if cutter is None and length + 2 > most else parts


def _begins(cutter: Cutter, folder: str, name: str, pieces: Any) -> bool:
    begins, fits = cutter.begins(folder, name, None if pieces is None else [p[0] for p in pieces])
    if not fits:
        path = f"{folder}/{name}" if folder else name
        raise UsageError(f"the file {path} alone does not fit a request to the API server")
    return begins


def _add(part: _Part, folder: str, name: str, pieces: Any) -> str:
    if pieces is None:
        return part.printer.empty_folder(f"{folder}/{name}" if folder else name)
    for piece in pieces:
        part.prefixes.add(piece[0])
    return part.printer.file(folder, name, pieces)


def _store(server: _Server, parts: list[_Part], text: int, attributes: Attributes) -> list[dict[str, Any]]:
    saved: list[dict[str, Any]] = []
    try:
        with put_off() as interrupts:
            for number, part in enumerate(parts, 1):
                interrupts.check()
                values = attributes.of_part(number, len(parts), part.prefixes.listed())
                made = server.create(values, text, part.start, part.end, attributes.ensure_unique_name)
                saved.append(made)
                _check_hash(made, part.printer.portable_data_hash)
    except BaseException:
        server.trash(saved)
        raise
    return saved


def _check_hash(made: dict[str, Any], wanted: str) -> None:
    if made["portable_data_hash"] != wanted:
        raise IncompleteError(
            f"the API server stored {made['uuid']} with the portable data hash {made['portable_data_hash']}, "
            f"where {wanted} was expected: it goes into the trash"
        )


class _Server:
    """The API server, for requests whose body is on disk."""

    def __init__(self, api: Any, num_retries: int) -> None:
        self._api = api
        self._retries = num_retries
        self._transport = Transport(bool(api.insecure))

    def create(self, values: dict[str, Any], text: int, start: int, end: int, unique: bool) -> dict[str, Any]:
        """Makes a collection with a part of a file as its manifest."""
        fields = ["uuid", "name", "portable_data_hash"]
        query = {"ensure_unique_name": "true" if unique else "false", "select": json.dumps(fields)}
        url = f"{self._api._baseUrl}collections?{urllib.parse.urlencode(query)}"
        head = json.dumps({"collection": {**values, "manifest_text": ""}}, ensure_ascii=False)[: -len('"}}')]
        loop = arvados.retry.RetryLoop(self._retries, _over, backoff_start=2)
        for _ in loop:
            body = _Body(head.encode(), text, start, end, b'"}}')
            loop.save_result(self._send(url, body))
        reply = loop.last_result()
        if isinstance(reply, Exception):
            raise UnavailableError(f"the API server cannot be reached: {reply}")
        if reply.status != 200:
            raise arvados.errors.ApiError(httplib2.Response({"status": reply.status}), bytes(reply.body))
        return dict(json.loads(bytes(reply.body)))

    def _send(self, url: str, body: _Body) -> Reply | Exception:
        headers = {
            "Authorization": f"Bearer {self._api.api_token}",
            "X-Request-Id": self._api.request_id or arvados.util.new_request_id(),
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        reply = Reply()
        try:
            for reply, piece in self._transport.stream(url, headers, (20, 600), body):
                reply.body += piece
        except BrokenError as failure:
            if body.interrupt:  # curl would only print it
                raise body.interrupt from None
            return failure
        return reply

    def trash(self, saved: list[dict[str, Any]]) -> None:
        """Takes collections back. What goes wrong is told, since the caller has an error already."""
        for one in saved:
            try:
                self._api.collections().delete(uuid=one["uuid"]).execute(num_retries=self._retries)
            except Exception as failure:
                _logger.warning("%s (%s) could not be moved to the trash: %s", one["uuid"], one["name"], failure)


def _over(reply: Reply | Exception) -> bool | None:
    """Whether it went well, for good or not; None to try again."""
    return None if isinstance(reply, Exception) else arvados.retry.check_http_response_success(reply.status)


class _Body:
    """The body of a request: a head, a part of a file, a tail."""

    def __init__(self, head: bytes, file: int, start: int, end: int, tail: bytes) -> None:
        self._before, self._file, self._at, self._end, self._tail = head, file, start, end, tail
        self.size = len(head) + end - start + len(tail)
        self.interrupt: BaseException | None = None

    def read(self, most: int, /) -> bytes:
        """The next bytes, none at the end."""
        try:
            return self._next(most)
        except BaseException as interrupt:
            self.interrupt = interrupt
            raise

    def _next(self, most: int) -> bytes:
        if self._before:
            piece, self._before = self._before[:most], self._before[most:]
        elif self._at < self._end:
            piece = os.pread(self._file, min(most, self._end - self._at), self._at)
            self._at += len(piece)
        else:
            piece, self._tail = self._tail[:most], self._tail[most:]
        return piece
