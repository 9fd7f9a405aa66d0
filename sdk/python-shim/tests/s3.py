# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""The little of S3 that tests need to make their data: signed requests, no boto3."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import http.client
import os
import urllib.parse


class S3:
    """A client of the S3 server that the tests run before."""

    def __init__(self) -> None:
        self._url = urllib.parse.urlsplit(os.environ["TEST_S3_URL"])
        self._access = os.environ["TEST_S3_ACCESS_KEY"]
        self._secret = os.environ["TEST_S3_SECRET_KEY"]

    def make_bucket(self, bucket: str, versioned: bool) -> None:
        self._request("PUT", bucket, "", ok=(200, 409))
        if versioned:
            body = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
            self._request("PUT", bucket, "", "versioning=", body)

    def put(self, bucket: str, key: str, data: bytes) -> str:
        """Stores an object; returns its version id."""
        return self._request("PUT", bucket, key, body=data).get("x-amz-version-id", "")

    def delete(self, bucket: str, key: str, version: str = "") -> None:
        query = "versionId=" + urllib.parse.quote(version, safe="") if version else ""
        self._request("DELETE", bucket, key, query, ok=(204,))

    def _request(
        self, method: str, bucket: str, key: str, query: str = "", body: bytes = b"", ok: tuple[int, ...] = (200,)
    ) -> dict[str, str]:
        path = urllib.parse.quote(f"/{bucket}/{key}" if key else f"/{bucket}", safe="-._~/")
        headers = self._sign(method, path, query, body)
        connection = http.client.HTTPConnection(self._url.netloc, timeout=60)
        try:
            connection.request(method, path + ("?" + query if query else ""), body, headers)
            reply = connection.getresponse()
            text = reply.read()
            assert reply.status in ok, (method, path, reply.status, text)
            return {k.lower(): v for k, v in reply.getheaders()}
        finally:
            connection.close()

    def _sign(self, method: str, path: str, query: str, body: bytes) -> dict[str, str]:
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{now[:8]}/us-east-1/s3/aws4_request"
        digest = hashlib.sha256(body).hexdigest()
        headers = {"host": self._url.netloc, "x-amz-content-sha256": digest, "x-amz-date": now}
        names = ";".join(headers)
        canonical = "\n".join([method, path, query, *(f"{k}:{v}" for k, v in headers.items()), "", names, digest])
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + self._secret).encode()
        for part in (*scope.split("/"), text):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        credential = f"AWS4-HMAC-SHA256 Credential={self._access}/{scope}"
        return {**headers, "Authorization": f"{credential}, SignedHeaders={names}, Signature={key.hex()}"}
