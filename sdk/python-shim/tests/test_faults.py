# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Bad input, bad servers, bad connections: each a typed error with the server's
sentence, and never other bytes than those of the block."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import arvados.config
import arvados.errors
import pytest
from conftest import VECTORS, Bucket, client, new_person, noise, read
from fakes import API, DISK, GATEWAY, Answer, Handler, Service, data, refusal

import arvados_pseudoblock as pb
from arvados_pseudoblock import _reader, errors, imports
from arvados_pseudoblock._fetch import SETTING
from arvados_pseudoblock.locators import parse_block

BLOCK = json.loads((VECTORS / "identities.json").read_text())["vectors"][7]["opaque"]  # 512 bytes
CONTENT = noise(512, 9)


def keep_for(*services: tuple[str, str, Service], **settings: Any) -> pb.KeepClient:
    return pb.KeepClient(api_client=API(*services), **{"num_retries": 3, **settings})


def one(answer: Answer) -> tuple[Service, pb.KeepClient]:
    service = Service(answer)
    return service, keep_for((DISK, "disk", service))


class TestRouting:
    """Which services are asked, in which order; as the stock client does, by identity."""

    @pytest.fixture
    def services(self) -> Iterator[tuple[Service, Service]]:
        with Service(refusal(404)) as disk, Service(data(CONTENT)) as gateway:
            yield disk, gateway

    @pytest.mark.parametrize("hint", ["", "+K@zzzzz-bi6l4-nosuchservice00", "+K@zzzzz-bi6l4-0123456789abcdef"])
    def test_gateway_without_its_hint(self, services: tuple[Service, Service], hint: str) -> None:
        disk, gateway = services
        with pytest.raises(arvados.errors.NotFoundError):
            keep_for((DISK, "disk", disk), (GATEWAY, "gateway:pb", gateway)).get(BLOCK + hint)
        assert len(disk.reads()) == 1 and not gateway.reads()

    @pytest.mark.parametrize("where", ["{0}+K@{1}", "{0}+K@{1}+A" + "0" * 40 + "@7fffffff"])
    def test_gateway_with_its_hint(self, services: tuple[Service, Service], where: str) -> None:
        disk, gateway = services
        keep = keep_for((DISK, "disk", disk), (GATEWAY, "gateway:pb", gateway))
        assert keep.get(where.format(BLOCK, GATEWAY)) == CONTENT
        assert len(gateway.reads()) == 1 and not disk.reads()

    def test_second_disk(self, services: tuple[Service, Service]) -> None:
        disk, other = services
        assert keep_for((DISK, "disk", disk), (GATEWAY, "disk", other)).get(BLOCK) == CONTENT

    def test_fixed_list(self, services: tuple[Service, Service], monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the list of services is fixed, the setting leads to keepstore."""
        disk, gateway = services
        monkeypatch.setattr(arvados.config, "_settings", None)
        monkeypatch.setenv("ARVADOS_KEEP_SERVICES", disk.url)
        with pytest.raises(arvados.errors.NotFoundError):
            keep_for((GATEWAY, "gateway:pb", gateway)).get(BLOCK + "+K@" + GATEWAY)
        monkeypatch.setenv(SETTING, gateway.url)
        monkeypatch.setattr(arvados.config, "_settings", None)
        assert keep_for().get(BLOCK) == CONTENT

    def test_order_is_that_of_the_identity(self) -> None:
        """The recorded order of services for a hash is the order for a block of that identity."""
        vector = json.loads((VECTORS / "rendezvous.json").read_text())["vectors"][0]
        api = API()
        api._items = [
            {"uuid": u, "service_type": "disk", "service_host": u, "service_port": 80, "service_ssl_flag": False}
            for u in vector["services"]
        ]
        keep = pb.KeepClient(api_client=api)
        block = parse_block(BLOCK)
        moved = type(block)(**{**block.__dict__, "identity": vector["hash"]})
        roots = _reader.reader_of(keep).fetcher.roots(moved)
        assert [re.sub(r"http://(.*):80/", r"\1", r) for r in roots] == vector["order"]
        others = _reader.reader_of(keep).fetcher.roots(block)
        assert sorted(others) == sorted(roots) and others != roots

    def test_what_is_sent(self) -> None:
        service, keep = one(data(CONTENT))
        assert keep.read_range(BLOCK, 100, 50) == CONTENT[100:150]
        (method, path, headers), *_ = service.requests
        assert (method, path) == ("GET", "/" + BLOCK)
        assert headers["X-Keep-Pseudo-Blocks"] == "1" and headers["Authorization"] == "Bearer tok"
        assert headers["X-Request-Id"].startswith("req-") and headers["Accept"] == "application/octet-stream"


def after(first: Answer, then: Answer, times: int = 1) -> Answer:
    """Answers by ``first`` some times, and then by ``then``."""
    left = [times]

    def answer(handler: Handler) -> None:
        left[0] -= 1
        (first if left[0] >= 0 else then)(handler)

    return answer


def redirect(handler: Handler) -> None:
    handler.reply(302, Location="http://127.0.0.1:1/")


@pytest.mark.usefixtures("no_waiting")
class TestReplies:
    """One service, and what it answers."""

    @pytest.mark.parametrize(
        ("status", "word", "kind"),
        [
            (400, "bad-signature", errors.SignatureError),
            (401, "token-refused", errors.TokenError),
            (403, "s3-denied", errors.DeniedError),
            (403, "bucket-not-allowed", errors.DeniedError),
            (404, "s3-not-found", errors.NotFoundError),
            (404, "s3-no-bucket", errors.NotFoundError),
            (422, "s3-archived", errors.ArchivedError),
            (418, "not-yet-known", errors.Error),
        ],
    )
    def test_for_good(self, status: int, word: str, kind: type[errors.Error]) -> None:
        service, keep = one(refusal(status, f"{word}: the sentence [req req-1]\n", X_Keep_Error=word))
        with pytest.raises(errors.Error) as caught:
            keep.get(BLOCK)
        assert type(caught.value) is kind and isinstance(caught.value, arvados.errors.KeepReadError)
        assert (caught.value.word, caught.value.status) == (word, status) and "the sentence" in str(caught.value)
        assert len(service.reads()) == 1  # asking again would not help
        assert "tok" not in str(caught.value).replace("token", "")
        with pytest.raises(kind):
            keep.head(BLOCK)

    @pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
    def test_passing(self, status: int) -> None:
        service, keep = one(after(refusal(status, "overloaded: wait", X_Keep_Error="overloaded"), data(CONTENT), 3))
        assert keep.get(BLOCK) == CONTENT and len(service.reads()) == 4
        service, keep = one(refusal(status, "overloaded: wait", X_Keep_Error="overloaded"))
        with pytest.raises(errors.UnavailableError, match="wait"):
            keep.get(BLOCK)
        assert len(service.reads()) == 4

    def test_cut(self) -> None:
        """A read goes on where it broke off."""
        service, keep = one(after(lambda h: h.reply(200, CONTENT[:200], length=512), data(CONTENT)))
        assert keep.get(BLOCK) == CONTENT
        assert [headers.get("Range") for _, _, headers in service.requests] == [None, "bytes=200-511"]
        assert keep.download_counter.get() == 512

    @pytest.mark.parametrize(
        "answer",
        [
            lambda h: h.reply(200, CONTENT[:10]),
            lambda h: h.reply(200, CONTENT + b"x"),
            lambda h: h.reply(206, CONTENT),
            lambda h: h.reply(200, CONTENT[:200], length=512),
            redirect,
        ],
    )
    def test_not_what_was_asked_for(self, answer: Answer) -> None:
        with pytest.raises(errors.Error):
            one(answer)[1].get(BLOCK)

    @pytest.mark.parametrize(
        "answer",
        [
            lambda h: h.reply(200, CONTENT),
            lambda h: h.reply(206, CONTENT[:50]),
            lambda h: h.reply(206, CONTENT[:50], Content_Range="bytes 0-49/512"),
            lambda h: h.reply(206, CONTENT[100:150], Content_Range="bytes 100-149/513"),
        ],
    )
    def test_other_range(self, answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_reader, "PART", 50)
        monkeypatch.setattr(_reader, "PAGE", 10)
        with pytest.raises(errors.UnavailableError, match="range"):
            one(answer)[1].read_range(BLOCK, 100, 50)
        assert one(data(CONTENT))[1].read_range(BLOCK, 100, 50) == CONTENT[100:150]

    def test_nobody_there(self) -> None:
        service, keep = one(data(CONTENT))
        service.__exit__()
        with pytest.raises(errors.UnavailableError):
            keep.get(BLOCK)

    def test_best_answer_counts(self) -> None:
        """The word of a keepstore counts more than what others say, whoever is asked first."""
        for uuids in ((DISK, GATEWAY), (GATEWAY, DISK)):
            told, foreign = Service(refusal(403, "s3-denied: no", X_Keep_Error="s3-denied")), Service(refusal(404))
            with pytest.raises(errors.DeniedError):
                keep_for((uuids[0], "disk", told), (uuids[1], "disk", foreign)).get(BLOCK)

    def test_withdrawn(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What lies in memory is given for a minute; then the server is asked whether it still may be."""
        service, keep = one(after(data(CONTENT), refusal(403, "", X_Keep_Error="s3-denied")))
        assert keep.get(BLOCK) == keep.get(BLOCK) == CONTENT
        monkeypatch.setattr(_reader, "TRUST", -1)
        for _ in range(2):
            with pytest.raises(errors.DeniedError):
                keep.get(BLOCK)
        assert keep.get_from_cache(BLOCK) is None
        assert [method for method, _, _ in service.requests] == ["GET", "HEAD", "GET"]

    def test_edited(self) -> None:
        service, keep = one(data(CONTENT))
        for bad in (BLOCK.replace("+512+", "+513+").replace("f" * 32, "0" * 32), "f" * 32 + "+512", BLOCK + "+Vmd5"):
            for read_it in (keep.get, keep.head, keep.get_from_cache, keep.block_prefetch):
                with pytest.raises(errors.BadLocatorError):
                    read_it(bad)
        assert not service.requests


class TestReal:
    """With a real keepstore and S3 server."""

    def test_missing(self, bucket: Bucket, api: Any) -> None:
        with pytest.raises(errors.NotFoundError, match="s3-not-found"):
            pb.import_from_s3(bucket.url("nothing"), api_client=api)
        with pytest.raises(errors.NotFoundError):
            pb.import_from_s3(bucket.url("nothing/"), api_client=api)

    def test_denied(self, api: Any, s3: Any, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
        import os

        closed = Bucket(s3, os.environ["TEST_BUCKET_CLOSED"], prefix)
        closed.put("k", b"1")
        with pytest.raises(errors.DeniedError, match="bucket-not-allowed"):
            pb.import_from_s3(closed.url("k"), api_client=api)
        with pytest.raises(errors.DeniedError, match="rule"):
            pb.import_from_s3("s3://no-such-rule/k", api_client=api)

    def test_unversioned(self, api: Any, s3: Any, prefix: str) -> None:
        import os

        plain = Bucket(s3, os.environ["TEST_BUCKET_PLAIN"], prefix)
        plain.put("k", b"1")
        with pytest.raises(errors.UnpinnedError, match="version"):
            pb.import_from_s3(plain.url("k"), api_client=api)

    def test_version_gone(self, bucket: Bucket, api: Any) -> None:
        version = bucket.put("k", b"12345")
        made = pb.import_from_s3(bucket.url("k"), api_client=api, form="opaque")
        bucket.delete("k", version)
        with pytest.raises(errors.NotFoundError, match=re.escape(bucket.url("k"))):
            read(made, "k")

    def test_wrong_token(self, bucket: Bucket, api: Any, admin: Any) -> None:
        bucket.put("k", b"12345")
        text = pb.import_from_s3(bucket.url("k"), api_client=api).manifest_text()
        other = new_person(admin)[1]
        with pytest.raises(errors.SignatureError):
            read(pb.Collection(text, api_client=other), "k")
        bad = pb.KeepClient(proxy=keep_url(), api_token="v2/zzzzz-gj3su-000000000000000/wrong", num_retries=0)
        with pytest.raises((errors.TokenError, errors.SignatureError)):
            bad.get(text.split()[1])
        with pytest.raises(errors.TokenError):
            list(imports.events(bad, [pb.Source(bucket.url("k"))]))

    def test_sharing_and_withdrawing(self, bucket: Bucket, api: Any, admin: Any) -> None:
        """Who may read the collection may read the data, without any right to the bucket."""
        bucket.put("k", b"12345")
        made = pb.import_from_s3(bucket.url("k"), api_client=api)
        made.save_new(ensure_unique_name=True)
        user, theirs = new_person(admin)
        with pytest.raises(arvados.errors.ApiError):
            pb.Collection(made.manifest_locator(), theirs)
        link = {"link_class": "permission", "name": "can_read", "tail_uuid": user["uuid"]}
        shared = api.links().create(body={"link": {**link, "head_uuid": made.manifest_locator()}}).execute()
        assert read(pb.Collection(made.manifest_locator(), theirs), "k") == b"12345"
        api.links().delete(uuid=shared["uuid"]).execute()
        with pytest.raises(arvados.errors.ApiError):
            pb.Collection(made.manifest_locator(), theirs)

    def test_clash(self, bucket: Bucket, api: Any) -> None:
        """An import that does not fit the collection changes nothing."""
        bucket.put("a/b", b"1")
        bucket.put("c", b"2")
        made = pb.Collection(api_client=api)
        for path in ("a", "c/d"):
            with made.open(path, "w") as f:
                f.write("here already")
        before = made.manifest_text()
        for wanted in ("", "c"):
            with pytest.raises(errors.UsageError, match="cannot be imported"):
                made.import_from_s3(bucket.url(wanted))
        assert made.manifest_text() == before

    def test_bad_requests(self, bucket: Bucket, api: Any) -> None:
        made = pb.Collection(api_client=api)
        with pytest.raises(errors.UsageError):
            made.import_from_s3([])
        with pytest.raises(errors.UsageError):
            made.import_from_s3("http://example.org/x")
        with pytest.raises(errors.UsageError):
            made.import_from_s3(bucket.url(), form="nonsense")


def keep_url() -> str:
    import os

    return os.environ["TEST_KEEP_URL"]


def test_client_token_is_used(bucket: Bucket, admin: Any) -> None:
    """Each client asks with its own token."""
    _, api = new_person(admin)
    bucket.put("k", b"1")
    assert pb.import_from_s3(bucket.url("k"), api_client=client(api.api_token)).exists("k")
