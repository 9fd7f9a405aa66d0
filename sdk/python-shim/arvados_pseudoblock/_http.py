# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Requests to Keep services, by the library that the stock client uses.

So proxies, certificates and ``ARVADOS_API_HOST_INSECURE`` mean the same here.
No redirect is followed.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import arvados.util
import pycurl

__all__ = ["Body", "BrokenError", "Reply", "Timeouts", "Transport"]

Timeouts = tuple[float, ...]
"""Seconds to connect, seconds over which the rate is measured, least bytes a second."""


class Body(Protocol):
    """The body of a request, read piece by piece; ``size`` in bytes."""

    size: int

    def read(self, most: int, /) -> bytes: ...


_SMALL = 64 << 10  # of a body that is not data: an error's text


class BrokenError(Exception):
    """No reply, or one that broke off."""


@dataclass
class Reply:
    """Status and headers (names in lower case) of a reply; ``body`` holds what was no data."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)


class _Link:
    """A curl and its connection. Nothing of ours runs inside curl, which would only
    print an interrupt: pieces are collected there and looked at here."""

    def __init__(self) -> None:
        self.curl = pycurl.Curl()
        self._multi = pycurl.CurlMulti()

    def exchange(self, reply: Reply) -> Iterator[bytes]:
        """Sends what was prepared, fills in status and headers, and yields the body
        piece by piece, reading no further than the caller asks. Raises `BrokenError`."""
        lines: list[bytes] = []
        pieces: list[bytes] = []
        self.curl.setopt(pycurl.HEADERFUNCTION, lines.append)
        self.curl.setopt(pycurl.WRITEFUNCTION, pieces.append)
        self._multi.add_handle(self.curl)
        try:
            running = True
            while running:
                running = _step(self._multi)
                for line in lines:
                    _header(reply, line)
                lines.clear()
                yield from pieces
                pieces.clear()
                if running:
                    _wait(self._multi)
            for _, _, text in self._multi.info_read()[2]:
                raise BrokenError(text)
        finally:
            self._multi.remove_handle(self.curl)

    def close(self) -> None:
        self.curl.close()
        self._multi.close()


class Transport:
    """Keeps connections between requests. For several threads."""

    def __init__(self, insecure: bool) -> None:
        self._insecure = insecure
        self._idle: queue.LifoQueue[_Link] = queue.LifoQueue(maxsize=32)

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        timeouts: Timeouts,
        sink: Callable[[Reply, bytes], None] | None = None,
    ) -> Reply:
        """Sends one request without body. ``sink`` gets the body of a 2xx reply
        piece by piece; of others the start is kept. Raises `BrokenError`."""
        reply = Reply()
        link = self._take_idle()
        over = False
        try:
            self._prepare(link.curl, method, url, headers, timeouts)
            for piece in link.exchange(reply):
                if not _take(reply, piece, sink):
                    break  # an error's text may never end
            else:
                over = True
        finally:
            self._put_idle(link, over)
        return reply

    def stream(
        self, url: str, headers: Mapping[str, str], timeouts: Timeouts, body: bytes | Body
    ) -> Iterator[tuple[Reply, bytes]]:
        """Sends a POST and yields the reply with pieces of its body as they
        come; the last piece is empty. Reads no further than the caller asks.
        Raises `BrokenError` when the reply breaks off."""
        reply = Reply()
        link = _Link()
        try:
            self._prepare(link.curl, "POST", url, headers, timeouts)
            if isinstance(body, bytes):
                link.curl.setopt(pycurl.POSTFIELDS, body)
            else:
                link.curl.setopt(pycurl.POST, 1)
                link.curl.setopt(pycurl.POSTFIELDSIZE_LARGE, body.size)
                link.curl.setopt(pycurl.READFUNCTION, body.read)
            for piece in link.exchange(reply):
                yield reply, piece
            yield reply, b""
        finally:
            link.close()

    def _take_idle(self) -> _Link:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return _Link()

    def _put_idle(self, link: _Link, over: bool) -> None:
        """Keeps a connection, if its last reply was read to the end."""
        if over and not self._idle.full():
            link.curl.reset()
            with contextlib.suppress(queue.Full):
                self._idle.put_nowait(link)
                return
        link.close()

    def _prepare(
        self, curl: pycurl.Curl, method: str, url: str, headers: Mapping[str, str], timeouts: Timeouts
    ) -> None:
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.HTTPHEADER, [f"{k}: {v}" for k, v in headers.items()] + ["Expect:"])
        curl.setopt(pycurl.TCP_KEEPALIVE, 1)
        curl.setopt(pycurl.BUFFERSIZE, 512 << 10)
        if method == "HEAD":
            curl.setopt(pycurl.NOBODY, 1)
        connect, period, *rate = timeouts
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(connect * 1000))
        curl.setopt(pycurl.LOW_SPEED_TIME, max(1, int(period)))
        curl.setopt(pycurl.LOW_SPEED_LIMIT, int(rate[0]) if rate and method == "GET" else 1)
        self._trust(curl)

    def _trust(self, curl: pycurl.Curl) -> None:
        if self._insecure:
            curl.setopt(pycurl.SSL_VERIFYPEER, 0)
            curl.setopt(pycurl.SSL_VERIFYHOST, 0)
        else:
            curl.setopt(pycurl.CAINFO, arvados.util.ca_certs_path())


def _take(reply: Reply, data: bytes, sink: Callable[[Reply, bytes], None] | None) -> bool:
    """Hands on a piece of a body; returns whether more is wanted."""
    if sink is not None and 200 <= reply.status < 300:
        sink(reply, data)
        return True
    reply.body += data[: _SMALL - len(reply.body)]
    return len(reply.body) < _SMALL


def _step(multi: pycurl.CurlMulti) -> bool:
    """Lets curl work until there is nothing to do; returns whether there will be more."""
    while True:
        status, running = multi.perform()
        if status != pycurl.E_CALL_MULTI_PERFORM:
            return bool(running)


def _wait(multi: pycurl.CurlMulti) -> None:
    """Waits for the other side, a second at most, and not in curl's own loop: so an interrupt is noticed."""
    if multi.select(1.0) == 0 and not any(multi.fdset()):
        time.sleep(0.005)  # a name is looked up, or the program has too many files open for select


def _header(reply: Reply, line: bytes) -> None:
    text = line.decode("iso-8859-1").strip()
    if text.startswith("HTTP/"):
        code = text.split(" ")[1:2]
        reply.status = int(code[0]) if code and code[0].isdecimal() else 0
        reply.headers.clear()
        return
    name, colon, value = (part.strip() for part in text.partition(":"))
    if colon:
        before = reply.headers.get(name.lower())
        # One that stands twice is as a list, and so no length or range that anybody asked for.
        reply.headers[name.lower()] = value if before is None else f"{before}, {value}"
