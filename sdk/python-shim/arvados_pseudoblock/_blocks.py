# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""What takes the place of methods of ``arvados.keep.KeepClient``.

Each function is both a method of our subclass and what `enable` puts into the
stock class. For blocks that are no pseudo-blocks of opaque or derived form it
does what the stock method, which is remembered here, does.
"""

from __future__ import annotations

import re
from typing import Any

import arvados.keep

from . import errors
from ._reader import reader_of
from .locators import OPAQUE_HASH, is_pseudo_block, parse, parse_block

_Client = arvados.keep.KeepClient
_stock_get = _Client.get
_stock_head = _Client.head
_stock_get_from_cache = _Client.get_from_cache
_stock_block_prefetch = _Client.block_prefetch
_stock_refresh_signature = _Client.refresh_signature
_stock_stop = _Client.stop_prefetch_threads

_stock_locator_init = arvados.keep.KeepLocator.__init__

WHOLE = 2 << 30  # bytes; a larger block is read by ranges only


def is_ours(locator: str) -> bool:
    """Whether a block must not reach the stock methods: they would check and
    cache it by a hash that is none. Raises `errors.Error` for an edited locator."""
    return is_pseudo_block(locator) and parse_block(locator).form != "content"


def get(
    self: _Client,
    loc_s: str,
    num_retries: int | None = None,
    request_id: str | None = None,
    headers: dict[str, str] | None = None,
    prefetch: bool = False,
) -> bytes | None:
    """The bytes of a whole block, or of several with commas between."""
    if "," in loc_s:
        return b"".join(get(self, one, num_retries=num_retries) or b"" for one in loc_s.split(","))
    if not is_ours(loc_s):
        return _stock_get(
            self, loc_s, num_retries=num_retries, request_id=request_id, headers=headers, prefetch=prefetch
        )
    if prefetch:
        reader_of(self).prepare(loc_s)
        return None
    block = parse_block(loc_s)
    if block.size > WHOLE:
        raise errors.UsageError(
            f"a block of {block.size} bytes is not read as a whole: use read_range, or open its file"
        )
    self.get_counter.add(1)
    reader = reader_of(self)
    data = reader.cached(loc_s)
    (self.misses_counter if data is None else self.hits_counter).add(1)
    return bytes(reader.read(loc_s, 0, block.size, num_retries) if data is None else data)


def head(self: _Client, loc_s: str, num_retries: int | None = None, **kwargs: Any) -> Any:
    """True when the block can be read now; else raises."""
    if not is_ours(loc_s):
        return _stock_head(self, loc_s, num_retries=num_retries, **kwargs)
    reader_of(self).head(loc_s, num_retries, kwargs.get("request_id"))
    return True


def get_from_cache(self: _Client, loc_s: str) -> bytes | None:
    """The bytes of a block if all of them are in memory, else None."""
    if not is_ours(loc_s):
        return _stock_get_from_cache(self, loc_s)
    data = reader_of(self).cached(loc_s)
    return None if data is None else bytes(data)


def block_prefetch(self: _Client, locator: str) -> None:
    """Begins to fetch the start of a block in the background."""
    if is_ours(locator):
        reader_of(self).prepare(locator)
    else:
        _stock_block_prefetch(self, locator)


def read_range(self: _Client, locator: str, start: int, size: int, num_retries: int | None = None) -> memoryview:
    """``size`` bytes from ``start`` of any block, fewer only at its end."""
    if is_ours(locator):
        return reader_of(self).read(locator, start, size, num_retries)
    return memoryview(get(self, locator, num_retries=num_retries) or b"")[start : start + size]


def stop_prefetch_threads(self: _Client) -> None:
    """Ends the background threads."""
    _stock_stop(self)
    reader_of(self).stop()


def locator_init(self: arvados.keep.KeepLocator, locator_str: str) -> None:
    """Reads a locator. One of opaque form becomes the same block in derived form, so
    that code that knows a block by its hash (arv-copy, for one) tells them apart."""
    _stock_locator_init(self, locator_str)
    if self.md5sum == OPAQUE_HASH and "+B" in locator_str:
        self.md5sum = parse(locator_str).identity


_REMOTE = re.compile(r"\+R[^+]*")


def refresh_signature(self: _Client, loc: str) -> Any:
    """The same extent with a signature for this client's token.

    A pseudo-block, also one of another cluster (+R), is imported again at this
    cluster: the object version must be there, and the caller be allowed to
    import it. Other blocks go the way of the stock method."""
    local = _REMOTE.sub("", loc)
    if not is_ours(local):
        return _stock_refresh_signature(self, loc)
    from .imports import sign_again  # not at the top: imports uses this module

    return sign_again(self, parse_block(local))
