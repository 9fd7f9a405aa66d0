# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""A KeepClient that reads references into S3."""

from __future__ import annotations

from typing import Any

import arvados.keep

from . import _blocks
from ._reader import CACHE_SIZE

__all__ = ["KeepClient"]


class KeepClient(arvados.keep.KeepClient):
    """``arvados.keep.KeepClient`` that knows pseudo-blocks. For several threads.

    Takes the arguments of the base class, and ``part_cache_size``: bytes of
    pseudo-blocks to keep in memory (256 MiB). Ordinary blocks and content form
    go the way of the base class, with its cache and its check of the MD5.
    Opaque and derived blocks are read by ranges, kept in a cache of their own,
    by identity, and never reach the cache of the base class.

    Failures are `arvados_pseudoblock.errors`, which are KeepReadErrors.
    """

    def __init__(self, *args: Any, part_cache_size: int = CACHE_SIZE, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pseudoblock_cache_size = part_cache_size

    get = _blocks.get
    head = _blocks.head
    get_from_cache = _blocks.get_from_cache
    block_prefetch = _blocks.block_prefetch
    refresh_signature = _blocks.refresh_signature
    stop_prefetch_threads = _blocks.stop_prefetch_threads

    def read_range(self, locator: str, start: int, size: int, num_retries: int | None = None) -> bytes:
        """``size`` bytes from ``start`` of any block, fewer only at its end."""
        return bytes(_blocks.read_range(self, locator, start, size, num_retries))
