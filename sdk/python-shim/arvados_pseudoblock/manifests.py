# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Manifest text and portable data hashes, by identity."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

from .errors import BadLocatorError, UsageError
from .locators import EMPTY_BLOCK, is_pseudo_block, parse

__all__ = ["portable_data_hash", "portable_text", "reduced"]

_LOCATOR = re.compile(r"[0-9a-f]{32}\+[0-9]+(\+\S+)*")
# What a reader in Python would take for the end of a name, as well as what Arvados escapes.
_ESCAPED = re.compile(r"[\\:\x00-\x20]|[^\S\x00-\x20]|[\udc80-\udcff]")


@functools.lru_cache(maxsize=65536)
def reduced(locator: str) -> str:
    """identity+size of any locator: what stands for it in a portable data hash,
    and what two blocks are compared by. Ordinary blocks give hash+size."""
    if is_pseudo_block(locator):
        try:
            return parse(locator).reduced
        except BadLocatorError:
            return locator  # equal to nothing but itself
    return "+".join(locator.split("+", 2)[:2])


def portable_text(text: str) -> str:
    """Manifest text with each locator reduced to identity+size, not normalised."""
    return "".join(_portable_line(line) for line in text.split("\n") if line)


def _portable_line(line: str) -> str:
    stream, *tokens = line.split(" ")
    return " ".join([stream, *(reduced(t) if _LOCATOR.fullmatch(t) else t for t in tokens)]) + "\n"


def portable_data_hash(text: str) -> str:
    """The portable data hash of manifest text as it stands: 32 hex digits, +, a length in bytes."""
    data = portable_text(text).encode()
    return f"{hashlib.md5(data).hexdigest()}+{len(data)}"


def escape(name: str) -> str:
    """A name as it stands in a manifest. White space outside ASCII is escaped as
    well, since a stock Python client would end the name there."""
    return _ESCAPED.sub(lambda m: "".join(f"\\{c:03o}" for c in m[0].encode("utf-8", "surrogateescape")), name)


def unescape(name: str) -> str:
    """The inverse of `escape`. Escaped bytes are UTF-8, as in Go and Ruby; a byte that is
    not becomes a lone surrogate, as in file names, so that no two names become one."""
    if "\\" not in name:
        return name
    raw = re.sub(rb"\\([0-3][0-7][0-7])", lambda m: bytes([int(m[1], 8)]), name.encode("utf-8", "surrogateescape"))
    return raw.decode("utf-8", "surrogateescape")


Segment = tuple[str, int, int, int]
"""Locator, size of its block, offset in it, length; all in bytes."""


def normal_line(stream: str, files: Mapping[str, Sequence[Segment]]) -> str:
    """One normalised line: files by name, each block once, neighbours joined."""
    positions: dict[str, int] = {}
    end = 0
    for name in sorted(files):
        for locator, size, _, _ in files[name]:
            if locator not in positions:
                positions[locator], end = end, end + size
    tokens = [escape(stream), *(positions or [EMPTY_BLOCK])]
    for name in sorted(files):
        spans = _spans((positions[loc] + offset, length) for loc, _, offset, length in files[name])
        tokens += [f"{start}:{length}:{escape(name)}" for start, length in spans]
    return " ".join(tokens) + "\n"


def _spans(pieces: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for start, length in pieces:
        if spans and sum(spans[-1]) == start:
            spans[-1] = (spans[-1][0], spans[-1][1] + length)
        else:
            spans.append((start, length))
    return spans or [(0, 0)]


MAX_FILES_PER_LINE = 1000
MAX_BLOCKS_PER_LINE = 10000


class Writer:
    """Writes the manifest of an import line by line, cut by the same rule as the
    server cuts it, so that one import has one portable data hash everywhere."""

    def __init__(self) -> None:
        self._md5 = hashlib.md5()
        self._length = 0
        self._stream = ""
        self._blocks: list[str] = []
        self._files: list[str] = []
        self._position = 0

    def add(self, path: str, size: int, locators: Sequence[str]) -> str:
        """Adds one file; returns the lines that are complete now, mostly none."""
        stream, _, name = ("./" + path).rpartition("/")
        _check_path(path)
        _check_size(path, size, locators)
        ended = self.flush() if stream != self._stream else ""
        self._stream = stream
        self._blocks += [loc for loc in locators if not loc.startswith(EMPTY_BLOCK)]
        self._files.append(f"{self._position}:{size}:{escape(name)}")
        self._position += size
        if len(self._files) >= MAX_FILES_PER_LINE or len(self._blocks) >= MAX_BLOCKS_PER_LINE:
            ended += self.flush()
        return ended

    def flush(self) -> str:
        """Ends the line under way and returns it; empty when there is none."""
        if not self._files:
            return ""
        line = " ".join([escape(self._stream), *(self._blocks or [EMPTY_BLOCK]), *self._files]) + "\n"
        data = _portable_line(line[:-1]).encode()
        self._md5.update(data)
        self._length += len(data)
        self._stream, self._blocks, self._files, self._position = "", [], [], 0
        return line

    @property
    def portable_data_hash(self) -> str:
        """That of the lines returned so far."""
        return f"{self._md5.hexdigest()}+{self._length}"


def _check_size(path: str, size: int, locators: Sequence[str]) -> None:
    """Refuses blocks that are not the file: they would move all files after it."""
    if sum(int(locator.split("+", 2)[1]) for locator in locators) != size:
        raise BadLocatorError(f"the blocks of {path[:40]!r} do not have the {size} bytes of the file")


def _check_path(path: str) -> None:
    if any(part in ("", ".", "..") for part in path.split("/")) or "\0" in path:
        raise UsageError(f'the path {path[:40]!r} has an empty, "." or ".." part, which no collection can hold')
