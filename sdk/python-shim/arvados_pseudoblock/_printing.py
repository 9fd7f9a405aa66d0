# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Manifest text as keepstore's own tools print it, and the rule by which a
collection is cut into parts. Both are those of sdk/go/collection (print.go,
parts.go; docs/collection.md), so that Go and Python store the same."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Iterable, Sequence

from .locators import EMPTY_BLOCK
from .manifests import MAX_BLOCKS_PER_LINE, MAX_FILES_PER_LINE, Segment, reduced

__all__ = ["PART_SIZE", "Cutter", "Prefixes", "Printer", "json_length"]

PART_SIZE = 120 << 20
"""The most that one part may cost, in bytes."""

_BLOCK_COST, _FILE_COST = 96, 64
_OBJECTS = re.compile(r"\+B([^+]+)")
_USER_HINTS = re.compile(r"\+[AK][^+]*")
_MAX_PREFIXES = 500


class Printer:
    """Prints files, given in the order of their paths. Names come escaped; the
    folder at the top is "". A block that a file has as a whole is listed anew, one
    of which it has a part once a line. Each call returns the lines that it ended."""

    def __init__(self) -> None:
        self._md5, self._length = hashlib.md5(), 0
        self._folder: str | None = None
        self._blocks: list[str] = []
        self._reduced: list[str] = []
        self._files: list[str] = []
        self._names = 0
        self._position = 0
        self._parts: dict[str, int] = {}

    def file(self, folder: str, name: str, pieces: Iterable[Segment]) -> str:
        """Adds a file."""
        ended = self.flush() if folder != self._folder else ""
        self._folder = folder
        start, size = self._position, 0
        for locator, block_size, offset, length in pieces:
            at = self._place(locator, block_size, length == block_size) + offset
            if at != start + size:
                self._token(start, size, name)
                start, size = at, 0
            size += length
        self._token(start, size, name, whole=True)
        self._names += 1
        if self._names >= MAX_FILES_PER_LINE or len(self._blocks) >= MAX_BLOCKS_PER_LINE:
            ended += self.flush()
        return ended

    def empty_folder(self, path: str) -> str:
        """Adds a folder with nothing in it."""
        return self.flush() + self._hashed(f"{_stream(path)} {EMPTY_BLOCK} 0:0:\\056\n")

    def flush(self) -> str:
        """Ends the line under way."""
        if self._folder is None:
            return ""
        head, files = _stream(self._folder), " ".join(self._files) + "\n"
        self._hashed(" ".join([head, *(self._reduced or [EMPTY_BLOCK]), files]))
        line = " ".join([head, *(self._blocks or [EMPTY_BLOCK]), files])
        self._folder, self._position, self._names = None, 0, 0
        self._blocks, self._reduced, self._files, self._parts = [], [], [], {}
        return line

    @property
    def portable_data_hash(self) -> str:
        """That of the lines returned so far."""
        return f"{self._md5.hexdigest()}+{self._length}"

    def _hashed(self, line: str) -> str:
        data = line.encode()
        self._md5.update(data)
        self._length += len(data)
        return line

    def _token(self, start: int, size: int, name: str, whole: bool = False) -> None:
        if size or whole:
            self._files.append(f"{start}:{size}:{name}")

    def _place(self, locator: str, size: int, whole: bool) -> int:
        """The position of a block in the line."""
        short = reduced(locator)
        at = None if whole else self._parts.get(short)
        if at is None:
            at = self._position
            self._blocks.append(locator)
            self._reduced.append(short)
            self._position += size
            if not whole:
                self._parts[short] = at
        return at


def _stream(folder: str) -> str:
    return "./" + folder if folder else "."


def json_length(text: str) -> int:
    """Bytes of a text in the JSON of a request, at most: some writers have & and < in six."""
    more = text.count("\\") + text.count('"') + text.count("\n")
    return len(text.encode()) + 2 + more + 5 * (text.count("<") + text.count(">") + text.count("&"))


class Cutter:
    """Says where a part ends. Files cost what they take in a request, without the
    hints that differ between users, so that equal collections are cut alike."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._sum = 0
        self._folder: str | None = None

    def begins(self, folder: str, name: str, locators: Sequence[str] | None) -> tuple[bool, bool]:
        """Whether a new part begins before this file (a folder: no locators), and
        whether it fits a request at all."""
        own = _FILE_COST + json_length(name)
        for locator in locators or ():
            own += len(_USER_HINTS.sub("", locator) if "+A" in locator or "+K" in locator else locator) + _BLOCK_COST
        for_folder = _folder_cost(folder)
        price = own + for_folder
        begins = self._sum > 0 and self._sum + price > self._most
        if begins:
            self._sum, self._folder = 0, None
        self._sum += own if self._folder == folder else price
        self._folder = folder
        return begins, price <= self._most


@functools.lru_cache(maxsize=64)
def _folder_cost(folder: str) -> int:
    return json_length(folder) + _FILE_COST


class Prefixes:
    """All folders in S3, from the bucket down, in which a collection has an object."""

    def __init__(self) -> None:
        self._levels: list[set[str]] = []
        self._last = ""

    def add(self, locator: str) -> None:
        """Adds the objects of a reference, if it is one; content form may name several."""
        for b in _OBJECTS.findall(locator) if "+B" in locator else ():
            try:
                url = base64.urlsafe_b64decode(b + "=" * (-len(b) % 4)).decode("utf-8", "replace")
            except ValueError:
                continue  # no reference of ours
            folder = url.partition("?")[0].rpartition("/")[0]
            if folder != self._last and folder.startswith("s3://"):
                self._last = folder
                self._add_folders(folder.removeprefix("s3://").split("/"))

    def _add_folders(self, names: list[str]) -> None:
        here = "s3://"
        for depth, name in enumerate(names):
            here += name + "/"
            if depth == len(self._levels):
                self._levels.append(set())
            if depth == 0 or len(self._levels[depth]) <= _MAX_PREFIXES:
                self._levels[depth].add(here)

    def listed(self) -> list[str]:
        """The folders of the fewest parts first; of more than 500, the deepest levels are left out."""
        found: list[str] = []
        for depth, level in enumerate(self._levels):
            if depth and len(found) + len(level) > _MAX_PREFIXES:
                break
            found += sorted(level)
        return found
