# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Files of an import on disk, so that memory does not grow with their number."""

from __future__ import annotations

import heapq
import os
import tempfile
from collections.abc import Iterator, Sequence

from .errors import UsageError
from .manifests import Segment, escape, unescape

__all__ = ["Entry", "Spool", "whole_blocks"]

Entry = tuple[str, str, "list[Segment] | None"]
"""Folder and name, escaped, and what the file consists of; None for a folder with nothing in it."""

_READ = 1 << 20  # bytes, for all that is read at once


class Spool:
    """Takes files in any order and gives them back in the order of their paths.

    The temporary file has no name, and nobody else can open it. Files that come
    in order, as those of one prefix do, cost nothing to put in order."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="arv-import-s3-")  # noqa: SIM115 - lives as long as we do
        self._runs = [0]
        self._last = ""
        self._end = 0

    @property
    def in_order(self) -> bool:
        """Whether the files came in the order of their paths."""
        return len(self._runs) == 1

    def add(self, path: str, locators: Sequence[str]) -> None:
        """Adds a file of whole blocks."""
        if path < self._last:
            self._runs.append(self._end)
        self._last = path
        line = " ".join([escape(path), *locators, "\n"]).encode()
        self._file.write(line)
        self._end += len(line)

    def __iter__(self) -> Iterator[tuple[str, list[str]]]:
        """Path, escaped, and locators. Raises `UsageError` for a path that is there twice."""
        self._file.flush()
        ends = [*self._runs[1:], self._end]
        step = max(4096, _READ // len(ends))
        runs = [self._run(start, end, step) for start, end in zip(self._runs, ends, strict=True)]
        last = ""
        for key, path, locators in runs[0] if len(runs) == 1 else heapq.merge(*runs):
            if key == last:
                raise UsageError(f"{key!r} was imported twice: give one of the sources another path")
            last = key
            yield path, locators

    def _run(self, start: int, end: int, step: int) -> Iterator[tuple[str, str, list[str]]]:
        """The files between two places, which are in order."""
        rest = b""
        for at in range(start, end, step):
            *lines, rest = (rest + os.pread(self._file.fileno(), min(step, end - at), at)).split(b"\n")
            for line in lines:
                path, *locators = line.decode().split()
                yield unescape(path), path, locators

    def entries(self) -> Iterator[Entry]:
        """The files as a `Printer` takes them."""
        for path, locators in self:
            folder, _, name = path.rpartition("/")
            yield folder, name, whole_blocks(locators)

    def close(self) -> None:
        """Takes the file away."""
        self._file.close()


def whole_blocks(locators: Sequence[str]) -> list[Segment]:
    """Blocks, each used as a whole; empty ones are left out."""
    sizes = [int(locator.split("+", 2)[1]) for locator in locators]
    return [(locator, size, 0, size) for locator, size in zip(locators, sizes, strict=True) if size]
