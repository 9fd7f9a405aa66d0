# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Bytes of blocks in memory, by identity and part.

Parts of derived and opaque blocks are kept here and never in the cache of the
stock client, which is shared by programs and knows a block by its hash alone.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable

__all__ = ["Cache", "Key", "Part"]

Key = tuple[str, int, int]
"""Identity of the block, offset of the part, its length; in bytes."""


class Part:
    """One part of a block: being fetched, there, or failed (then its error is kept)."""

    __slots__ = ("_ready", "data", "error")

    def __init__(self) -> None:
        self._ready = threading.Event()
        self.data: memoryview | None = None
        self.error: BaseException | None = None

    @property
    def done(self) -> bool:
        return self._ready.is_set()

    def fill(self, data: bytes | bytearray) -> None:
        self.data = memoryview(data).toreadonly()
        self._ready.set()

    def fail(self, error: BaseException) -> None:
        self.error = error
        self._ready.set()

    def wait(self) -> memoryview | None:
        """The bytes, or None when fetching them failed."""
        self._ready.wait()
        return self.data


class Cache:
    """Parts up to ``limit`` bytes; those used longest ago go first. For several threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._parts: OrderedDict[Key, Part] = OrderedDict()
        self._total = 0

    def find(self, key: Key) -> Part | None:
        """The part, there or under way, or None."""
        with self._lock:
            part = self._parts.get(key)
            if part is not None:
                self._parts.move_to_end(key)
            return part

    def claim(self, key: Key) -> tuple[Part, bool]:
        """The part and whether the caller is to fetch it, and then to `keep` or `drop` it."""
        with self._lock:
            part = self._parts.get(key)
            if part is not None:
                self._parts.move_to_end(key)
                return part, False
            part = self._parts[key] = Part()
            return part, True

    def keep(self, key: Key, part: Part, data: bytes | bytearray) -> None:
        """Fills a claimed part and lets go of old ones."""
        with self._lock:
            part.fill(data)  # with the lock held: whoever finds it done counts on its size being counted
            if self._parts.get(key) is part:
                self._total += key[2]
            self._shrink()

    def drop(self, key: Key, part: Part, error: BaseException) -> None:
        """Ends a claim that failed; whoever asks next fetches anew."""
        with self._lock:
            if self._parts.get(key) is part:
                del self._parts[key]
        part.fail(error)

    def forget(self, identities: Iterable[str] | None = None) -> None:
        """Lets go of the blocks, or of everything."""
        gone = None if identities is None else set(identities)
        with self._lock:
            for key in [k for k, p in self._parts.items() if p.done and (gone is None or k[0] in gone)]:
                self._total -= key[2]
                del self._parts[key]

    def _shrink(self) -> None:
        while self._total > self._limit:
            key = next((k for k, p in self._parts.items() if p.done), None)
            if key is None:
                return
            del self._parts[key]
            self._total -= key[2]
