# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Imports that break off, lie, or never end: all or nothing."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from conftest import VECTORS
from fakes import API, DISK, Answer, Handler, Service, refusal

import arvados_pseudoblock as pb
from arvados_pseudoblock import errors, imports

BLOCK = json.loads((VECTORS / "identities.json").read_text())["vectors"][7]["opaque"]  # 512 bytes


def lines(*objects: dict[str, Any], cut: int = 0) -> Answer:
    """An import that answers these lines, of whose bytes the last ``cut`` are lost."""
    body = b"".join(json.dumps(o).encode() + b"\n" for o in objects)

    def answer(handler: Handler) -> None:
        if handler.path == "/s3/access":
            handler.reply(200, b"{}")
        else:
            handler.service.bodies.append(json.loads(handler.body()))  # type: ignore[attr-defined]
            handler.reply(200, body[: len(body) - cut], length=len(body))

    return answer


def file_line(n: int) -> dict[str, Any]:
    locator = f"{BLOCK}+Zn{n}"
    return {
        "type": "file",
        "path": f"d/f{n}",
        "url": f"s3://b/f{n}",
        "size": 512,
        "etag": "e",
        "locator": locator,
        "new": 1,
    }


def done_line(count: int, pdh: str = "") -> dict[str, Any]:
    writer = pb.manifests.Writer()
    for n in range(count):
        writer.add(f"d/f{n}", 512, [BLOCK])
    writer.flush()
    return {
        "type": "done",
        "files": count,
        "listed": count,
        "status": "complete",
        "portable_data_hash": pdh or writer.portable_data_hash,
    }


RESUME = {"type": "progress", "listed": 1, "files": 1, "resume": "token-1"}


@pytest.mark.usefixtures("no_waiting")
class TestImports:
    """Streams that break."""

    def run(self, *answers: Answer) -> tuple[pb.Collection, Service, Callable[[], pb.Summary]]:
        waiting = list(answers)

        def answer(handler: Handler) -> None:
            (waiting[0] if len(waiting) == 1 or handler.path == "/s3/access" else waiting.pop(0))(handler)

        service = Service(answer)
        service.bodies = []  # type: ignore[attr-defined]
        made = pb.Collection(api_client=API((DISK, "disk", service)), num_retries=3)
        return made, service, lambda: made.import_from_s3("s3://bucket/d/")

    def test_whole(self) -> None:
        made, service, go = self.run(lines(file_line(0), RESUME, file_line(1), done_line(2)))
        assert go().files == 2 and sorted(made["d"]) == ["f0", "f1"]
        assert service.bodies == [{"sources": [{"url": "s3://bucket/d/"}]}]  # type: ignore[attr-defined]

    @pytest.mark.parametrize("cut", [1, 20, 300])
    def test_goes_on(self, cut: int) -> None:
        broken = lines(file_line(0), RESUME, file_line(1), {"type": "progress"}, done_line(2), cut=cut)
        made, service, go = self.run(broken, lines(file_line(1), done_line(2)))
        assert go().files == 2 and sorted(made["d"]) == ["f0", "f1"]
        sent = service.bodies  # type: ignore[attr-defined]
        assert [b.get("resume") for b in sent] == [None, "token-1"]

    def test_outlook(self) -> None:
        """What the server says of lifecycle rules and locks stands in the summary."""
        rules = [{"url": "s3://b/", "known": True, "rules": [{"id": "x", "text": "30 days after"}], "hidden": 2}]
        unknown = [{"url": "s3://c/", "known": False, "text": "denied", "rules": []}]
        lock = [
            {"url": "s3://b/", "known": True, "text": "locked"},
            {"url": "s3://c/", "known": False, "text": "denied"},
        ]
        done = {**done_line(1), "lifecycle": rules + unknown, "object_lock": lock}
        _made, _service, go = self.run(lines(file_line(0), done), lines(file_line(0), done_line(1)))
        summary = go()
        assert summary.lifecycle == (*rules, *unknown) and summary.object_lock == tuple(lock)
        hidden = "s3://b/: 2 lifecycle rules are for keys that you may not be told of"
        missing = "s3://c/: it is not known whether lifecycle rules remove versions: denied"
        assert summary.outlook == [hidden, "30 days after", missing, "locked"]
        assert imports.Summary().outlook == []

    def test_starts_again(self) -> None:
        """Before there is a point to resume from."""
        made, _service, go = self.run(lines(file_line(0), file_line(7), cut=3), lines(file_line(0), done_line(1)))
        assert go().files == 1 and list(made["d"]) == ["f0"]

    def test_never_ends(self) -> None:
        made, service, go = self.run(lines(file_line(0), RESUME, file_line(1)))
        with pytest.raises(errors.IncompleteError, match="not complete"):
            go()
        assert len(made) == 0 and len(service.bodies) == 4  # type: ignore[attr-defined]

    def test_error_line(self) -> None:
        refused = {"type": "error", "error": "s3-denied", "text": "S3 says no"}
        _, _, go = self.run(lines(file_line(0), refused))
        with pytest.raises(errors.DeniedError, match="S3 says no"):
            go()
        passing = {"type": "error", "error": "s3-slow-down", "text": "wait", "resume": "token-2"}
        _made, service, go = self.run(lines(passing), lines(file_line(0), done_line(1)))
        assert go().files == 1 and service.bodies[1]["resume"] == "token-2"  # type: ignore[attr-defined]

    def test_error_after_progress(self) -> None:
        """A server that waits for S3 sends progress first; then S3 refuses, or may yet answer."""
        wait = {"type": "progress", "listed": 0, "files": 0}
        refused = {"type": "error", "error": "s3-denied", "text": "S3 says no"}
        made, service, go = self.run(lines(wait, wait, refused))
        with pytest.raises(errors.DeniedError, match="S3 says no"):
            go()
        assert len(made) == 0 and len(service.bodies) == 1  # type: ignore[attr-defined]
        passing = {"type": "error", "error": "s3-slow-down", "text": "wait"}
        _made, service, go = self.run(lines(wait, passing), lines(wait, file_line(0), done_line(1)))
        assert go().files == 1 and len(service.bodies) == 2  # type: ignore[attr-defined]

    def test_other_files_than_counted(self) -> None:
        made, _, go = self.run(lines(file_line(0), done_line(1, pdh="0" * 32 + "+9")))
        with pytest.raises(errors.IncompleteError, match="portable data hash"):
            go()
        assert len(made) == 0

    def test_refused(self) -> None:
        body = json.dumps({"errors": ["s3-archived: restore it"]})
        _made, _, go = self.run(
            lambda h: (
                h.reply(200) if h.path == "/s3/access" else h.reply(422, body.encode(), X_Keep_Error="s3-archived")
            )
        )
        with pytest.raises(errors.ArchivedError, match="restore it"):
            go()

    @pytest.mark.parametrize("text", [b"not json\n", b"[]\n", b'{"type":"file"}\n'])
    def test_nonsense(self, text: bytes) -> None:
        _made, _, go = self.run(lambda h: h.reply(200, text))
        with pytest.raises(errors.IncompleteError):
            go()

    def test_no_server(self) -> None:
        _, _, go = self.run(refusal(400, "Bad Request"))
        with pytest.raises(errors.NoServerError):
            go()
        _made, service, go = self.run(refusal(400))
        service.__exit__()
        with pytest.raises(errors.UnavailableError):
            go()

    def test_interrupt(self) -> None:
        """Ctrl-C leaves the collection as it was."""
        made, _, _ = self.run(lines(file_line(0), RESUME, file_line(1), done_line(2)))

        def interrupt(_: pb.Progress) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            made.import_from_s3("s3://bucket/d/", progress=interrupt)
        assert len(made) == 0 and made.manifest_text() == ""

    def test_many(self) -> None:
        """The client's memory does not grow with the number of keys."""
        total, every = 30_000, 1000

        def answer(handler: Handler) -> None:
            handler.reply(200, b"", length=None) if handler.path == "/s3/access" else stream(handler)

        def stream(handler: Handler) -> None:
            handler.body()
            handler.send_response(200)
            handler.send_header("Connection", "close")
            handler.end_headers()
            handler.close_connection = True
            for start in range(0, total, every):
                batch = [file_line(n) for n in range(start, start + every)] + [{**RESUME, "files": start + every}]
                handler.wfile.write(b"".join(json.dumps(o).encode() + b"\n" for o in batch))
            handler.wfile.write(json.dumps({"type": "done", "files": total}).encode() + b"\n")

        keep = pb.KeepClient(api_client=API((DISK, "disk", Service(answer))))
        counts, peaks = [], []
        tracemalloc.start()
        for event in imports.events(keep, [pb.Source("s3://bucket/")]):
            if isinstance(event, pb.Progress):
                counts.append(event.files)
                peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert counts[-1] == total and len(counts) == total // every + 1
        assert peaks[-1] < 2 * peaks[len(peaks) // 4]
