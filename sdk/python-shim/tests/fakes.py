# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Keep services that misbehave on order, and what a KeepClient needs of an API
client. They stand in for faults and foreign servers, never for keepstore."""

from __future__ import annotations

import http.client
import threading
import types
import urllib.parse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

Self = TypeVar("Self", bound="Service")
Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """One request to a `Service`."""

    protocol_version = "HTTP/1.1"
    service: Service

    def _serve(self) -> None:
        self.service.requests.append((self.command, self.path, dict(self.headers)))
        self.service.answer(self)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def reply(self, status: int, body: bytes = b"", length: int | None = None, **headers: str) -> None:
        """Sends an answer; a ``length`` above that of the body cuts it short."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if length is not None and length > len(body):
            self.close_connection = True

    def serve_bytes(self, data: bytes) -> None:
        """The data, or the range of it that is asked for."""
        wanted = self.headers.get("Range")
        if not wanted:
            self.reply(200, data)
            return
        first, last = (int(n) for n in wanted.removeprefix("bytes=").split("-"))
        self.reply(206, data[first : last + 1], Content_Range=f"bytes {first}-{last}/{len(data)}")

    def forward(self, url: str) -> tuple[int, dict[str, str], bytes]:
        """What another server answers to this request."""
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
            connection.request(self.command, self.path, self.body(), headers)
            reply = connection.getresponse()
            return reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read()
        finally:
            connection.close()

    def log_message(self, *args: Any) -> None:
        pass


class Service:
    """An HTTP server on a free port; ``requests`` holds method, path and headers."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        kind = type("OneHandler", (Handler,), {"service": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reads(self) -> list[str]:
        return [path for method, path, _ in self.requests if method == "GET" and not path.startswith("/s3/")]


def data(content: bytes) -> Answer:
    return lambda handler: handler.serve_bytes(content)


def refusal(status: int, text: str = "", **headers: str) -> Answer:
    return lambda handler: handler.reply(status, text.encode(), None, **headers)


class API:
    """An API client that knows a list of Keep services: (uuid, type, Service)."""

    def __init__(self, *services: tuple[str, str, Service]) -> None:
        self.api_token, self.insecure, self.request_id = "tok", False, None
        self._rootDesc: dict[str, Any] = {}
        self._items = [
            {
                "uuid": u,
                "service_type": t,
                "service_host": "127.0.0.1",
                "service_port": s.port,
                "service_ssl_flag": False,
            }
            for u, t, s in services
        ]

    def keep_services(self) -> Any:
        found = {"items": [dict(i) for i in self._items]}
        return types.SimpleNamespace(accessible=lambda: types.SimpleNamespace(execute=lambda: found))

    def config(self) -> dict[str, Any]:
        return {"StorageClasses": {}}


GATEWAY = "zzzzz-bi6l4-00000000000gw01"
DISK = "zzzzz-bi6l4-000000000000404"
