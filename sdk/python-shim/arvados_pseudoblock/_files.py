# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""What takes the place of methods of the stock classes of files and collections.

As in `_blocks`, each function serves our subclasses and `enable` alike.
"""

from __future__ import annotations

from typing import Any

import arvados.arvfile
import arvados.collection
from arvados._internal import streams

from . import _blocks
from ._reader import reader_of
from .locators import is_pseudo_block
from .manifests import Segment, normal_line, portable_text, reduced, unescape

_File = arvados.arvfile.ArvadosFile
_Tree = arvados.collection.RichCollectionBase
_stock_readfrom = _File.readfrom

_NEAR_END = 8 << 20  # bytes before the end of a block at which the next one is begun


def readfrom(
    self: _File, offset: int, size: int, num_retries: int | None, exact: bool = False, return_memoryview: bool = False
) -> bytes | memoryview:
    """Reads up to ``size`` bytes from ``offset`` of the file. With ``exact`` only
    the end of the file makes it fewer, else also the end of a block."""
    with self.lock:
        pieces = streams.locators_and_ranges(self._segments, offset, size) if self._segments else []
        following = _after(self._segments, pieces, offset)
    if not any(is_pseudo_block(p.locator) for p in pieces):
        return _stock_readfrom(self, offset, size, num_retries, exact, return_memoryview)
    views = [_piece(self, piece, num_retries) for piece in (pieces if exact else pieces[:1])]
    for piece in following:
        if is_pseudo_block(piece.locator) and _blocks.is_ours(piece.locator):
            reader_of(self.parent._my_keep()).prepare(piece.locator, piece.segment_offset)
    data = views[0] if len(views) == 1 else memoryview(b"".join(views))
    return data if return_memoryview else data.tobytes()


def _after(segments: list[Any], pieces: list[Any], offset: int) -> list[Any]:
    """The block after those of ``pieces`` when its start is near, to be fetched before the reader gets there."""
    if len(segments) < 2 or not pieces:
        return []
    end = offset + sum(p.segment_size for p in pieces)
    return list(streams.locators_and_ranges(segments, end, _NEAR_END, limit=2)[1:])


def _piece(file: _File, piece: Any, num_retries: int | None) -> memoryview:
    manager = file.parent._my_block_manager()
    keep = file.parent._my_keep()
    if not manager.is_bufferblock(piece.locator) and _blocks.is_ours(piece.locator):
        return reader_of(keep).read(piece.locator, piece.segment_offset, piece.segment_size, num_retries)
    data = manager.get_block_contents(piece.locator, num_retries=num_retries)
    return memoryview(data)[piece.segment_offset : piece.segment_offset + piece.segment_size]


def same(self: _File, other: object) -> bool:
    """Whether two files consist of the same segments, blocks compared by identity."""
    if other is self:
        return True
    if not isinstance(other, _File):
        return False
    theirs = _segments(other)
    with self.lock:
        return _segments(self) == theirs


def differs(self: _File, other: object) -> bool:
    """The opposite of `same`."""
    return not same(self, other)


def _segments(file: _File) -> list[tuple[str, int, int, int]]:
    manager = file.parent._my_block_manager()
    return [
        (reduced(_settled(manager, s.locator)), s.range_start, s.range_size, s.segment_offset) for s in file.segments()
    ]


def _settled(manager: Any, locator: str) -> str:
    """The locator that a block not yet stored is going to have."""
    block = manager.get_bufferblock(locator)
    return locator if block is None else str(block.locator())


def file_manifest_text(
    self: _File,
    stream_name: str = ".",
    portable_locators: bool = False,
    normalize: bool = False,
    only_committed: bool = False,
) -> str:
    """The manifest line of one file."""
    return normal_line(stream_name, {self.name: _manifest_segments(self, portable_locators, only_committed)})


def _manifest_segments(file: _File, strip: bool, only_committed: bool) -> list[Segment]:
    manager = file.parent._my_block_manager()
    found: list[Segment] = []
    for s in file.segments():
        if only_committed and manager.is_bufferblock(s.locator):
            continue
        locator = _settled(manager, s.locator)
        size = int(locator.split("+", 2)[1])
        found.append((reduced(locator) if strip else locator, size, s.segment_offset, s.range_size))
    return found


def manifest_segments(file: _File) -> list[Segment]:
    """What a file consists of, with the locators of blocks that are to be stored."""
    return _manifest_segments(file, False, False)


def tree_manifest_text(
    self: _Tree, stream_name: str, strip: bool, normalize: bool, only_committed: bool = False
) -> str:
    """The manifest of a folder and what is below it; stripped locators are
    identity+size, so two datasets never have one text."""
    with self.lock:
        if self.committed() and self._manifest_text is not None and not normalize:
            return stripped_manifest(self) if strip else str(self._manifest_text)
        files = {n: i for n, i in self.items() if isinstance(i, _File)}
        text = ""
        if files:
            text = normal_line(stream_name, {n: _manifest_segments(f, strip, only_committed) for n, f in files.items()})
        for name in sorted(n for n in self if n not in files):
            text += self[name].manifest_text(f"{stream_name}/{name}", strip, True, only_committed)
        return text


def stripped_manifest(self: Any) -> str:
    """The manifest text with each locator reduced to identity+size."""
    return portable_text(self.manifest_text())


def unescape_path(self: Any, path: str) -> str:
    """A name of the manifest as text; escaped bytes are UTF-8."""
    return unescape(path)
