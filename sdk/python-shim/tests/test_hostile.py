# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Reading under attack: servers that lie, processes that fork, rights that end,
interrupts. Wrong bytes are worse than none."""

from __future__ import annotations

import contextlib
import gzip
import os
import random
import signal
import threading
import time
from typing import Any

import arvados.collection
import pytest
from conftest import noise
from fakes import API, DISK, Answer, Handler, Service, data, refusal
from test_faults import BLOCK, CONTENT, after, keep_for, one

import arvados_pseudoblock as pb
from arvados_pseudoblock import _cache, _reader, errors, imports
from arvados_pseudoblock.locators import parse_block


def block_of(size: int, number: int = 0) -> str:
    """An opaque block, of an object of its own."""
    reference = BLOCK.split("+", 2)[2].rpartition("+C")[0]
    return f"{'f' * 32}+{size}+{reference}+C{number * size}"


def wait_for(child: int) -> int:
    """The exit status of a process, 99 when it does not end."""
    for _ in range(600):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 99


class TestFork:
    def test_connections_and_threads(self) -> None:
        """A child has connections and threads of its own: on one connection, two
        processes would take each other's bytes, and nothing checks them."""
        content = noise(40 << 20, 3)
        ports: dict[bytes, set[int]] = {b"parent": set(), b"child": set()}
        who = [b"parent"]

        def answer(handler: Handler) -> None:
            ports[who[0]].add(handler.client_address[1])
            handler.serve_bytes(content)

        with Service(answer) as service:
            keep = keep_for((DISK, "disk", service))
            block = block_of(len(content))

            def read(start: int) -> bool:
                places = range(start, start + (16 << 20), 1 << 20)
                return all(keep.read_range(block, at, 1 << 20) == content[at : at + (1 << 20)] for at in places)

            assert read(0)
            keep.stop_prefetch_threads()
            who[0] = b"child"
            child = os.fork()
            if child == 0:
                os._exit(0 if read(20 << 20) else 1)
            assert wait_for(child) == 0
        assert ports[b"child"] and not ports[b"parent"] & ports[b"child"]

    def test_threads_under_way(self) -> None:
        """What the threads of the parent fetch, nobody fetches in the child."""
        content, held = noise(512, 3), threading.Event()

        def answer(handler: Handler) -> None:
            if len(service.requests) == 1:
                held.wait(60)
            handler.serve_bytes(content)

        with Service(answer) as service:
            keep = keep_for((DISK, "disk", service))
            keep.block_prefetch(BLOCK)
            while not service.requests:
                time.sleep(0.01)
            child = os.fork()
            if child == 0:
                os._exit(0 if keep.get(BLOCK) == content else 1)
            assert wait_for(child) == 0
            held.set()
            assert keep.get(BLOCK) == content


def test_no_thread_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading goes on without reading ahead, as in a program that ends."""
    content = noise(8 << 20, 3)
    service, keep = one(data(content))
    block = block_of(len(content))

    def refuse(self: threading.Thread) -> None:
        if self.name.startswith("pseudoblock"):
            raise RuntimeError("can't start new thread")
        start(self)

    start = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", refuse)
    for at in range(0, len(content), 1 << 20):
        assert keep.read_range(block, at, 1 << 20) == content[at : at + (1 << 20)]
    keep.stop_prefetch_threads()
    service.__exit__()


class TestInterrupt:
    def test_during_a_read(self) -> None:
        """Ctrl-C ends a read that waits for its server, and the next read works."""
        held, late = threading.Event(), threading.Event()

        def answer(handler: Handler) -> None:
            if len(service.requests) == 1:
                os.kill(os.getpid(), signal.SIGINT)
                held.wait(100)
                late.set()
            handler.serve_bytes(CONTENT)

        service, keep = one(answer)
        with pytest.raises(KeyboardInterrupt):
            keep.get(BLOCK)
        assert not late.is_set()
        held.set()
        assert keep.get(BLOCK) == CONTENT

    def test_between_claim_and_request(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Parts that were to be fetched are not waited for ever after."""
        _, keep = one(data(CONTENT))
        reader = _reader.reader_of(keep)

        def interrupted(*args: Any, **kwargs: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(reader, "_start", interrupted)
            with pytest.raises(KeyboardInterrupt):
                keep.get(BLOCK)
        assert keep.get(BLOCK) == CONTENT


def endless(handler: Handler) -> None:
    """An error whose text never ends."""
    handler.send_response(403)
    handler.send_header("X-Keep-Error", "s3-denied")
    handler.end_headers()
    handler.close_connection = True
    try:
        while True:
            handler.wfile.write(b"no " * 10000)
    except OSError:
        pass


def twice(handler: Handler) -> None:
    """The right range, and another."""
    handler.send_response(206)
    handler.send_header("Content-Range", "bytes 0-49/512")
    handler.send_header("Content-Range", "bytes 100-149/512")
    handler.send_header("Content-Length", "50")
    handler.end_headers()
    handler.wfile.write(CONTENT[:50])


def unmeasured(handler: Handler) -> None:
    """As many bytes as asked for, and then more."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"200\r\n" + noise(512, 1) + b"\r\n")
    handler.wfile.flush()
    time.sleep(0.1)
    handler.wfile.write(b"1\r\nx\r\n0\r\n\r\n")


@pytest.mark.usefixtures("no_waiting")
class TestReplies:
    packed = gzip.compress(noise(100, 1))

    @pytest.mark.parametrize(
        "answer",
        [
            lambda h: h.reply(200, noise(300, 1)),
            lambda h: h.reply(200, TestReplies.packed, Content_Encoding="gzip"),
            lambda h: h.reply(200, noise(512, 1), Content_Encoding="gzip"),
            unmeasured,
        ],
    )
    def test_first_bytes_of_something_else(self, answer: Answer) -> None:
        """Not even the start of a reply that is something else becomes part of a block."""
        service, keep = one(after(answer, data(CONTENT)))
        assert keep.get(BLOCK) == CONTENT
        assert [headers.get("Range") for _, _, headers in service.requests] == [None, None]

    def test_two_ranges(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_reader, "PART", 50)
        monkeypatch.setattr(_reader, "PAGE", 10)
        with pytest.raises(errors.UnavailableError, match="range"):
            one(twice)[1].read_range(BLOCK, 100, 50)

    def test_endless_error(self) -> None:
        with pytest.raises(errors.DeniedError) as caught:
            one(endless)[1].get(BLOCK)
        assert len(str(caught.value)) < 10_000


class TestRights:
    def test_what_came_before_a_break(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Parts of a read that failed are given no longer than others without asking."""
        monkeypatch.setattr(_reader, "PART", 128)
        monkeypatch.setattr(_reader, "PAGE", 128)
        _, keep = one(after(lambda h: h.reply(200, CONTENT[:300], length=512), refusal(403, X_Keep_Error="s3-denied")))
        with pytest.raises(errors.UnavailableError):
            keep.read_range(BLOCK, 0, 512, num_retries=0)
        assert keep.read_range(BLOCK, 0, 100) == CONTENT[:100]
        monkeypatch.setattr(_reader, "TRUST", -1)
        with pytest.raises(errors.DeniedError):
            keep.read_range(BLOCK, 0, 100)

    def test_other_token(self) -> None:
        """What a client got with one token it gives with another only if the server allows it."""

        def answer(handler: Handler) -> None:
            if handler.headers["Authorization"] == "Bearer tok":
                handler.serve_bytes(CONTENT)
            else:
                handler.reply(401, X_Keep_Error="token-refused")

        _, keep = one(answer)
        assert keep.get(BLOCK) == CONTENT
        keep.api_token = "another"
        with pytest.raises(errors.TokenError):
            keep.get(BLOCK)
        assert keep.get_from_cache(BLOCK) is None

    def test_no_host_from_a_locator(self) -> None:
        """+K@ with a cluster in place of a service would send the token where the manifest says."""
        service, keep = one(data(CONTENT))
        roots = _reader.reader_of(keep).fetcher.roots(parse_block(BLOCK + "+K@evil1"))
        assert roots == [service.url] and keep.get(BLOCK + "+K@evil1") == CONTENT

    @pytest.mark.parametrize("hint", ["+Z", "+K", "+K@", "+Z-_@"])
    def test_odd_hints(self, hint: str) -> None:
        """A hint that stock code does not take is no reason to look for a server for minutes."""
        assert one(data(CONTENT))[1].get(BLOCK + hint) == CONTENT


class TestCache:
    def test_size_is_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """However threads meet, the cache knows its size."""
        cache = _cache.Cache(1000)
        fill = _cache.Part.fill
        others = []

        def slow(part: _cache.Part, given: bytes) -> None:
            fill(part, given)
            others.append(threading.Thread(target=cache.forget))
            others[-1].start()
            others[-1].join(0.1)

        monkeypatch.setattr(_cache.Part, "fill", slow)
        for n in range(3):
            key = ("identity", n * 10, 10)
            cache.keep(key, cache.claim(key)[0], b"0123456789")
            others[-1].join()
        assert cache._total == sum(key[2] for key in cache._parts) == 0

    def test_limit(self) -> None:
        """Many files do not take more memory than was said."""
        with Service(lambda h: h.serve_bytes(noise(300_000, int(h.path.split("+C")[1]) // 300_000))) as service:
            keep = keep_for((DISK, "disk", service), part_cache_size=1 << 20)
            cache = _reader.reader_of(keep)._cache
            for n in [*range(30), *range(30)]:
                assert keep.get(block_of(300_000, n)) == noise(300_000, n)
                assert cache._total <= 1 << 20 and cache._total == sum(key[2] for key in cache._parts)

    def test_one_for_all_collections(self) -> None:
        """A thousand collections do not mean a thousand caches."""
        api = API()
        made = [pb.Collection(api_client=api) for _ in range(3)]
        assert len({id(c._my_keep()) for c in made}) == 1
        assert pb.Collection(api_client=API())._my_keep() is not made[0]._my_keep()


class Unreliable:
    """A server of blocks of one size that breaks off, refuses, and answers with other blocks."""

    size, count = 3 << 20, 6

    def __init__(self) -> None:
        self.contents = [noise(self.size, n) for n in range(self.count)]
        self._rng = random.Random(1)

    def __call__(self, handler: Handler) -> None:
        content = self.contents[int(handler.path.split("+C")[1]) // self.size]
        other = self._rng.choice(self.contents)
        kind = self._rng.randrange(10)
        if kind == 0:
            handler.reply(503)
        elif kind == 1:
            handler.reply(200, other[:-1])
        elif kind == 2:
            handler.reply(206, other[:100], Content_Range=f"bytes 0-99/{self.size}")
        elif kind == 3 and handler.headers.get("Range"):
            first, last = (int(n) for n in handler.headers["Range"].removeprefix("bytes=").split("-"))
            half = content[first : (first + last) // 2]
            handler.reply(206, half, last - first + 1, Content_Range=f"bytes {first}-{last}/{self.size}")
        else:
            handler.serve_bytes(content)

    def wrong_reads(self, keep: pb.KeepClient, seed: int) -> list[tuple[int, int, int]]:
        rng, wrong = random.Random(seed), []
        for _ in range(8):
            n, at, length = rng.randrange(self.count), rng.randrange(self.size), rng.choice([10, 70_000, 1 << 20])
            with contextlib.suppress(errors.Error):
                if keep.read_range(block_of(self.size, n), at, length) != self.contents[n][at : at + length]:
                    wrong.append((n, at, length))
        return wrong


def test_threads_and_faults(no_waiting: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty-four threads, a small cache, and faults: what comes back is right, or an error."""
    monkeypatch.setattr(_reader, "TRUST", 0.01)
    server, wrong = Unreliable(), []
    with Service(server) as service:
        keep = keep_for((DISK, "disk", service), num_retries=20, part_cache_size=4 << 20)
        work = [lambda seed=seed: wrong.extend(server.wrong_reads(keep, seed)) for seed in range(64)]
        threads = [threading.Thread(target=one, daemon=True) for one in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert not any(thread.is_alive() for thread in threads)
    assert not wrong


def test_names_that_are_no_text() -> None:
    """Two names whose bytes are no UTF-8 stay two files, and are written as they were."""
    text = ". 781e5e245d69b566979b86e28d23f2c7+10 0:4:a\\376 4:6:a\\377\n"
    made = pb.Collection(text, API())
    assert len(made) == 2 and made.manifest_text(normalize=True) == text
    pb.enable()
    stock = arvados.collection.Collection(text, API())
    assert len(stock) == 2 and stock.manifest_text(normalize=True) == text


def test_imports_without_end(no_waiting: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an error nor a line takes all memory."""

    def line(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(b"x" * 100_000)

    monkeypatch.setattr(imports, "_LONGEST", 1 << 20)
    for answer, kind in ((endless, errors.DeniedError), (line, errors.IncompleteError)):
        with Service(lambda h, a=answer: h.reply(200) if h.path == "/s3/access" else a(h)) as service:  # type: ignore[misc]
            keep = keep_for((DISK, "disk", service), num_retries=1)
            with pytest.raises(kind):
                list(imports.events(keep, [pb.Source("s3://bucket/x")], num_retries=1))


def test_blocks_that_are_not_the_file() -> None:
    """A file whose blocks have another size would give its neighbours wrong bytes."""
    for size in (511, 513, 0):
        with pytest.raises(errors.BadLocatorError):
            pb.manifests.Writer().add("a", size, [BLOCK])
    assert pb.manifests.Writer().add("a", 1024, [BLOCK, BLOCK]) == ""
