# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""A proxy before the embedded API server that also takes container requests, as a
cluster would: it writes them down and refuses to run them."""

from __future__ import annotations

import datetime
import http.client
import json
import os
import ssl
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fakes import Handler, Service

_PARAMETERS = {"uuid": {"type": "string", "required": True, "location": "path"}}
_FLAG = {"type": "boolean", "required": False, "location": "query"}


def _resource(name: str) -> dict[str, Any]:
    """A resource of the discovery document with create and get."""

    def method(kind: str, path: str, http_method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        body = {"request": {"required": True, "properties": {name[:-1]: {}}}} if kind == "create" else {}
        return {
            "id": f"arvados.{name}.{kind}",
            "path": path,
            "httpMethod": http_method,
            "parameters": parameters,
            **body,
        }

    return {
        "methods": {
            "create": method("create", name, "POST", {"ensure_unique_name": _FLAG}),
            "get": method("get", name + "/{uuid}", "GET", _PARAMETERS),
            "current": method("current", name + "/current", "GET", {}),
        }
    }


class Cluster(Service):
    """``requests_made`` holds the container requests that were created."""

    def __init__(self, folder: Path) -> None:
        self.requests_made: list[dict[str, Any]] = []
        super().__init__(self._pass_on)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_certificate(folder))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.host = f"127.0.0.1:{self.port}"

    def _pass_on(self, handler: Handler) -> None:
        body = handler.body()
        if handler.command == "POST" and handler.path.startswith("/arvados/v1/container_requests"):
            made = json.loads(body)
            self.requests_made.append(made.get("container_request", made))
            handler.reply(422, b'{"errors":["nothing is run here"]}', Content_Type="application/json")
            return
        status, kind, data = self._ask(handler, body)
        if handler.path.startswith("/discovery/"):
            document = json.loads(data)
            document["resources"].update({n: _resource(n) for n in ("containers", "container_requests")})
            document["revision"] = "20240101"
            data = json.dumps(document).replace(os.environ["ARVADOS_API_HOST"], self.host).encode()
        elif handler.path.startswith("/arvados/v1/config"):
            document = json.loads(data)
            for name in ("Workbench1", "Workbench2", "Controller"):
                document["Services"].setdefault(name, {"ExternalURL": ""})
            data = json.dumps({**document, "Containers": {"DefaultKeepCacheRAM": 0}}).encode()
        handler.reply(status, data, Content_Type=kind)

    def _ask(self, handler: Handler, body: bytes) -> tuple[int, str, bytes]:
        connection = http.client.HTTPSConnection(
            os.environ["ARVADOS_API_HOST"], timeout=60, context=ssl._create_unverified_context()
        )
        try:
            headers = {
                k: v for k, v in handler.headers.items() if k.lower() not in ("host", "connection", "accept-encoding")
            }
            connection.request(handler.command, handler.path, body, headers)
            reply = connection.getresponse()
            return reply.status, reply.headers.get("Content-Type", "application/json"), reply.read()
        finally:
            connection.close()


def _certificate(folder: Path) -> Path:
    """A key and its certificate, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(days=1)
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    path = folder / "cluster.pem"
    path.write_bytes(pem)
    return path
