# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Reading parts of pseudo-blocks: what to fetch, when, and how much ahead.

Reads that follow each other fetch parts of 1 MiB, and ever more of them
ahead, in runs of one request each. Any other read fetches just the pages of
64 KiB that it needs, so reading here and there costs at most twice the bytes
that are asked for, plus one page.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable

import arvados.keep

from . import errors
from ._cache import Cache, Key, Part
from ._fetch import Fetcher, Range, cut
from ._workers import Workers
from .locators import Block, parse_block

__all__ = ["Reader", "reader_of"]

PAGE = 64 << 10
PART = 1 << 20
RUN = 16  # parts in one request
AHEAD = 32  # parts ahead, at most
CACHE_SIZE = 256 << 20
STEP = 16 << 20  # bytes that one read takes at once
GAP = PAGE // 2  # a read that skips no more than this still follows
STREAM = 2  # reads that follow each other make a stream
TRUST = 60.0  # seconds for which a cached block is given without asking anew
MOST_TRUSTED = 16384  # blocks


class _Streams:
    """Knows of each block where its last reads ended, and so which read follows one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: OrderedDict[str, list[tuple[int, int]]] = OrderedDict()

    def note(self, identity: str, start: int, size: int) -> int:
        """How many reads this one follows; one of 1 MiB is a stream by itself."""
        with self._lock:
            ends = self._ends.setdefault(identity, [])
            self._ends.move_to_end(identity)
            length = STREAM if size >= PART else 0
            for i, (end, before) in enumerate(ends):
                if end <= start <= end + GAP:
                    length = max(length, before + 1)
                    del ends[i]
                    break
            ends.append((start + size, length))
            del ends[:-8]
            while len(self._ends) > 1024:
                self._ends.popitem(last=False)
            return length


class _Sink:
    """Spreads the bytes of one request over the parts that it fetches."""

    def __init__(self, cache: Cache, claims: list[tuple[Key, Part]], begun: Callable[[], None] | None = None) -> None:
        self._cache = cache
        self._claims = claims
        self._begun = begun
        self._buffer = bytearray()

    def give(self, data: bytes) -> None:
        if self._begun:  # once, and before anything is kept
            self._begun()
            self._begun = None
        self._buffer += data
        while self._claims and len(self._buffer) >= self._claims[0][0][2]:
            key, part = self._claims.pop(0)
            rest = self._buffer[key[2] :]
            del self._buffer[key[2] :]
            self._cache.keep(key, part, self._buffer)
            self._buffer = rest

    def fail(self, error: BaseException) -> None:
        """Ends the claims that got no bytes."""
        for key, part in self._claims:
            self._cache.drop(key, part, error)
        self._claims = []


class Reader:
    """Reads pseudo-blocks of opaque and derived form for one KeepClient. For several threads."""

    def __init__(self, client: arvados.keep.KeepClient, cache_size: int = CACHE_SIZE) -> None:
        self.fetcher = Fetcher(client)
        self._client = weakref.ref(client)
        self._cache = Cache(cache_size)
        self._streams = _Streams()
        self._workers = Workers()
        self._trusted: dict[tuple[str, str], float] = {}  # by token and identity

    def read(self, locator: str, start: int, size: int, num_retries: int | None = None) -> memoryview:
        """``size`` bytes from ``start`` of a block, fewer only at its end. Raises `errors.Error`."""
        block = parse_block(locator)
        end = min(start + max(size, 0), block.size)
        views: list[memoryview] = []
        for at in range(start, end, STEP):
            views += self._step(block, at, min(STEP, end - at), num_retries)
        return views[0] if len(views) == 1 else memoryview(b"".join(views))

    def _step(self, block: Block, start: int, size: int, num_retries: int | None) -> list[memoryview]:
        """Reads what the cache can hold well; returns views of its parts in order."""
        follows = self._streams.note(block.identity, start, size)
        unit = PART if follows >= STREAM or block.size <= PAGE * 4 else PAGE
        parts = {at: self._find(block, at) for at in cut(start, size, unit, block.size)}
        wanted = [at for at, part in parts.items() if part is None]
        if wanted:
            self._run(block, wanted, num_retries=num_retries)
        elif any(part.done for part in parts.values() if part):
            self._check_trust(block, num_retries)
        if follows >= STREAM:
            self._go_ahead(block, start + size, follows)
        return self._collect(block, start, size, unit, num_retries)

    def cached(self, locator: str) -> memoryview | None:
        """The whole block, if all of it is here; nothing is fetched."""
        block = parse_block(locator)
        parts = [self._cache.find((block.identity, *at)) for at in cut(0, block.size, PART, block.size)]
        views = [p.data for p in parts if p is not None and p.data is not None]
        if len(views) != len(parts) or self._stale(block):
            return None
        return views[0] if len(views) == 1 else memoryview(b"".join(views))

    def prepare(self, locator: str, start: int = 0) -> None:
        """Begins to fetch the part at ``start`` in the background, for a read to come."""
        block = parse_block(locator)
        if self._threads():
            self._run(block, list(cut(start, 1, PART, block.size)), background=True)

    def head(self, locator: str, num_retries: int | None = None, request_id: str | None = None) -> None:
        """Asks whether the block can be read now; raises `errors.Error`."""
        block = parse_block(locator)
        self.fetcher.head(block, num_retries, request_id)
        self._trust(block)

    def stop(self) -> None:
        """Ends the background threads and lets go of the cache."""
        self._workers.stop()
        self._cache.forget()

    def _threads(self) -> int:
        client = self._client()
        return 0 if client is None else int(client.num_prefetch_threads)

    def _stale(self, block: Block) -> bool:
        return time.monotonic() - self._trusted.get(self._mark(block), float("-inf")) > TRUST

    def _mark(self, block: Block) -> tuple[str, str]:
        """What trust belongs to: the token of a client can be changed."""
        return (self.fetcher.token, block.identity)

    def _check_trust(self, block: Block, num_retries: int | None) -> None:
        """Rights can be withdrawn: what lies here for a while is given only after the server was asked."""
        if not self._stale(block):
            return
        try:
            self.fetcher.head(block, num_retries)
        except errors.Error:
            self._cache.forget([block.identity])
            raise
        self._trust(block)

    def _trust(self, block: Block) -> None:
        """Remembers that the server has just begun to give the block to this client."""
        self._trusted[self._mark(block)] = time.monotonic()
        if len(self._trusted) > MOST_TRUSTED:
            old = list(self._trusted)[: MOST_TRUSTED // 2]
            self._cache.forget([identity for _, identity in old])
            for mark in old:
                self._trusted.pop(mark, None)

    def _find(self, block: Block, at: tuple[int, int]) -> Part | None:
        """The part, or the larger one that holds it."""
        part = self._cache.find((block.identity, *at))
        if part is None and at[1] < PART:
            ((offset, length),) = cut(at[0], 1, PART, block.size)
            part = self._cache.find((block.identity, offset, length))
            return part if part is not None and part.done else None
        return part

    def _go_ahead(self, block: Block, end: int, follows: int) -> None:
        """Keeps between half of the window and all of it ahead of the reader."""
        window = min(AHEAD, 1 << min(follows, 8)) * PART if self._threads() else 0
        stop = min(end + window, block.size)
        if end >= block.size or window == 0:
            return
        missing = [at for at in cut(end, stop - end, PART, block.size) if self._find(block, at) is None]
        if missing and (missing[0][0] < end + window // 2 or stop == block.size):
            for i in range(0, len(missing), RUN):
                self._run(block, missing[i : i + RUN], background=True)

    def _run(
        self, block: Block, wanted: list[tuple[int, int]], background: bool = False, num_retries: int | None = None
    ) -> None:
        """Fetches parts that nobody else fetches; neighbours share a request."""
        claims: list[tuple[Key, Part]] = []
        try:
            for at in [*wanted, None]:
                if claims and (at is None or at[0] != claims[-1][0][1] + claims[-1][0][2]):
                    self._start(block, claims, background, num_retries)
                    claims = []
                if at is None:
                    return
                key = (block.identity, *at)
                part, mine = self._cache.claim(key)
                if mine:
                    claims.append((key, part))
                elif claims:
                    self._start(block, claims, background, num_retries)
                    claims = []
        except BaseException as error:
            _Sink(self._cache, claims).fail(error)  # after an interrupt: nobody would ever fetch them
            raise

    def _start(self, block: Block, claims: list[tuple[Key, Part]], background: bool, num_retries: int | None) -> None:
        sink = _Sink(self._cache, claims, lambda: self._trust(block))
        (first, length) = claims[0][0][1], sum(key[2] for key, _ in claims)

        def fetch() -> None:
            try:
                self.fetcher.read(block, Range(first, length, block.size, sink.give), num_retries)
            except BaseException as error:
                sink.fail(error)
                if not background:
                    raise

        if not background:
            fetch()
        elif not self._workers.submit(fetch, self._threads()):
            sink.fail(errors.UnavailableError("no thread can be started"))

    def _collect(self, block: Block, start: int, size: int, unit: int, num_retries: int | None) -> list[memoryview]:
        views = []
        for offset, length in cut(start, size, unit, block.size):
            data, base = self._part(block, (offset, length), num_retries)
            views.append(data[max(start, offset) - base : min(start + size, offset + length) - base])
        return views

    def _part(self, block: Block, at: tuple[int, int], num_retries: int | None) -> tuple[memoryview, int]:
        """The bytes that hold a part, and the offset at which they begin."""
        for _ in range(3):
            part = self._find(block, at)
            data = part.wait() if part is not None else None
            if data is not None:
                return data, at[0] if len(data) == at[1] else at[0] - at[0] % PART
            # Another thread's request failed, or the part was let go of already.
            self._run(block, [at], num_retries=num_retries)
        return self._alone(block, at, num_retries), at[0]

    def _alone(self, block: Block, at: tuple[int, int], num_retries: int | None) -> memoryview:
        """Fetches without the cache, when that is too small for what is read at once."""
        data = bytearray()
        self.fetcher.read(block, Range(at[0], at[1], block.size, data.extend), num_retries)
        return memoryview(data).toreadonly()


_forks = [0]  # of this process and its ancestors


def _after_fork() -> None:
    _forks[0] += 1


os.register_at_fork(after_in_child=_after_fork)


def reader_of(client: arvados.keep.KeepClient) -> Reader:
    """The Reader that belongs to a KeepClient, made when it is first asked for.

    A process that was forked gets another than its parent: threads do not come
    along, and two processes on one connection would take each other's bytes.
    The parent's stays where it is, since to close it would end its connections."""
    readers: dict[int, Reader] = client.__dict__.setdefault("_pseudoblock_readers", {})
    reader = readers.get(_forks[0])
    if reader is None:
        size = getattr(client, "_pseudoblock_cache_size", CACHE_SIZE)
        reader = readers.setdefault(_forks[0], Reader(client, size))
    return reader
