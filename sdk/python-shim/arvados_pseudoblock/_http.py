# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Requests to Keep services, by the library that the stock client uses.

So proxies, certificates and ``ARVADOS_API_HOST_INSECURE`` mean the same here.
No redirect is followed.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import arvados.util
import pycurl

__all__ = ["BrokenError", "Reply", "Timeouts", "Transport"]

Timeouts = tuple[float, ...]
"""Seconds to connect, seconds over which the rate is measured, least bytes a second."""

_SMALL = 64 << 10  # of a body that is not data: an error's text


class BrokenError(Exception):
    """No reply, or one that broke off."""


@dataclass
class Reply:
    """Status and headers (names in lower case) of a reply; ``body`` holds what was no data."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)


class Transport:
    """Keeps connections between requests. For several threads."""

    def __init__(self, insecure: bool) -> None:
        self._insecure = insecure
        self._idle: queue.LifoQueue[pycurl.Curl] = queue.LifoQueue(maxsize=32)

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        timeouts: Timeouts,
        sink: Callable[[Reply, bytes], None] | None = None,
    ) -> Reply:
        """Sends one request without body. ``sink`` gets the body of a 2xx reply
        piece by piece, others are kept. Raises `BrokenError`."""
        reply = Reply()
        errors: list[BaseException] = []

        def write(data: bytes) -> int:
            try:
                _take(reply, data, sink)
            except BaseException as error:  # curl would only print it, an interrupt too
                errors.append(error)
                return -1
            return len(data)

        curl = self._take_idle()
        self._prepare(curl, method, url, headers, timeouts, reply)
        curl.setopt(pycurl.WRITEFUNCTION, write)
        try:
            curl.perform()
        except pycurl.error as error:
            curl.close()
            raise errors[0] if errors else BrokenError(str(error.args[-1])) from error
        except BaseException:
            curl.close()
            raise
        self._put_idle(curl)
        return reply

    def stream(
        self, url: str, headers: Mapping[str, str], timeouts: Timeouts, body: bytes
    ) -> Iterator[tuple[Reply, bytes]]:
        """Sends a POST and yields the reply with pieces of its body as they
        come; one piece is empty when there is no body. Reads no further than
        the caller asks. Raises `BrokenError` when the reply breaks off."""
        reply = Reply()
        pieces: list[bytes] = []
        curl = pycurl.Curl()
        multi = pycurl.CurlMulti()
        self._prepare(curl, "POST", url, headers, timeouts, reply)
        curl.setopt(pycurl.POSTFIELDS, body)
        curl.setopt(pycurl.WRITEFUNCTION, pieces.append)
        multi.add_handle(curl)
        try:
            running = 1
            while running:
                running = _step(multi)
                yield from ((reply, piece) for piece in pieces)
                pieces.clear()
            for _, _, text in multi.info_read()[2]:
                raise BrokenError(text)
            yield reply, b""
        finally:
            multi.remove_handle(curl)
            curl.close()
            multi.close()

    def _take_idle(self) -> pycurl.Curl:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return pycurl.Curl()

    def _put_idle(self, curl: pycurl.Curl) -> None:
        curl.reset()
        try:
            self._idle.put_nowait(curl)
        except queue.Full:
            curl.close()

    def _prepare(
        self, curl: pycurl.Curl, method: str, url: str, headers: Mapping[str, str], timeouts: Timeouts, reply: Reply
    ) -> None:
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.HTTPHEADER, [f"{k}: {v}" for k, v in headers.items()] + ["Expect:"])
        curl.setopt(pycurl.HEADERFUNCTION, lambda line: _header(reply, line))
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


def _take(reply: Reply, data: bytes, sink: Callable[[Reply, bytes], None] | None) -> None:
    if sink is not None and 200 <= reply.status < 300:
        sink(reply, data)
    elif len(reply.body) < _SMALL:
        reply.body += data


def _step(multi: pycurl.CurlMulti) -> int:
    """Lets curl work until there is nothing to do, then waits at most a second;
    so an interrupt from the keyboard is noticed."""
    multi.select(1.0)
    while True:
        status, running = multi.perform()
        if status != pycurl.E_CALL_MULTI_PERFORM:
            return int(running)


def _header(reply: Reply, line: bytes) -> None:
    text = line.decode("iso-8859-1").strip()
    if text.startswith("HTTP/"):
        reply.status = int(text.split(" ", 2)[1])
        reply.headers.clear()
        return
    name, colon, value = text.partition(":")
    if colon:
        reply.headers[name.strip().lower()] = value.strip()
