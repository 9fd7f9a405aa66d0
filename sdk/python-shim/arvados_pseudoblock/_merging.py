# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""From an import to a collection: all of it, or nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

from arvados._internal import streams

from . import _recording, errors, imports
from ._spool import Spool
from .imports import File, Progress, Source, Summary
from .manifests import Writer, unescape

__all__ = ["Gathered", "check_hash", "into"]


class Gathered:
    """What an import brings, on disk, until it is complete. With ``text``, the
    manifest as the server cuts it is kept too, in memory."""

    def __init__(self, text: bool = False) -> None:
        self.files = Spool()
        self.counts = Progress()
        self.summary = Summary()
        self.lines: list[str] | None = [] if text else None
        self._writer = Writer()

    def take(self, event: imports.Event, progress: Callable[[Progress], object] | None = None) -> None:
        """Takes one event."""
        if isinstance(event, File):
            locators = event.locator.split()
            self._write(self._writer.add(event.path, event.size, locators))
            self.files.add(event.path, locators)
        elif isinstance(event, Progress):
            self.counts = event
            if progress:
                progress(event)
        elif isinstance(event, Summary):
            self.summary = event

    def check(self) -> None:
        """Refuses files that are not those that the server counted."""
        self._write(self._writer.flush())
        check_hash(self._writer, self.summary)

    def _write(self, lines: str) -> None:
        if self.lines is not None and lines:
            self.lines.append(lines)

    def close(self) -> None:
        """Takes the files from disk."""
        self.files.close()


def check_hash(writer: Writer, summary: Summary) -> None:
    """Refuses files that are not those that the server counted."""
    if writer.portable_data_hash != summary.portable_data_hash:
        raise errors.IncompleteError(
            f"the files received have the portable data hash {writer.portable_data_hash}, "
            f"but the server sent {summary.portable_data_hash}: nothing of the import is used"
        )


def into(
    collection: Any,
    sources: Iterable[Source],
    form: str | None = None,
    progress: Callable[[Progress], object] | None = None,
) -> Summary:
    """Imports into a collection, all or nothing."""
    sources = list(sources)
    with contextlib.closing(Gathered(text=_is_new(collection))) as gathered:
        for event in imports.events(collection._my_keep(), sources, form, collection.num_retries):
            gathered.take(event, progress)
        gathered.check()
        _add(collection, gathered)
        _recording.note(collection, _recording.records_of(sources, gathered.counts))
        return gathered.summary


def _is_new(collection: Any) -> bool:
    return len(collection) == 0 and collection.manifest_locator() is None


def _add(collection: Any, gathered: Gathered) -> None:
    with collection.lock:
        if gathered.lines is not None and _is_new(collection):
            # The text as the server cuts it: its portable data hash is everyone's.
            text = "".join(gathered.lines)
            collection._import_manifest(text)
            collection._manifest_text = text
            return
        for path, _ in gathered.files:
            _check_room(collection, unescape(path))
        for path, locators in gathered.files:
            _put(collection, unescape(path), locators)


def _check_room(collection: Any, path: str) -> None:
    """Refuses a file where a folder is, or below a file, before anything is changed."""
    here = collection
    for name in path.split("/")[:-1]:
        here = here[name] if name in here else {}  # noqa: SIM401 - a collection has no get
        if not hasattr(here, "keys"):
            raise errors.UsageError(f"{path!r} cannot be imported: {name!r} is a file in this collection")
    last = path.rsplit("/", 1)[-1]
    if last in here and hasattr(here[last], "keys"):
        raise errors.UsageError(f"{path!r} cannot be imported: there is a folder of that name in this collection")


def _put(collection: Any, path: str, locators: list[str]) -> None:
    if collection.exists(path):
        collection.remove(path)
    made = collection.find_or_create(path, "file")
    end = 0
    blocks = []
    for locator in locators:
        size = int(locator.split("+", 2)[1])
        blocks.append(streams.Range(locator, end, size, 0))
        end += size
    if end:
        made.add_segment(blocks, 0, end)
