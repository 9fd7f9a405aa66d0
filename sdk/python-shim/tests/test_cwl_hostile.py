# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Odd and hostile job orders and workflows."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from conftest import Bucket, document, read
from test_cwl import content, here, s3_file, s3_folder

import arvados_pseudoblock as pb
from arvados_pseudoblock import _cwl_documents, _cwl_types, cwl, errors


@pytest.fixture
def filled(bucket: Bucket) -> Bucket:
    for key in ("x.bam", "x.bam.bai", "y.bam", "y.bam.bai", "d/y z.txt", "e/x.bam"):
        bucket.put(key, key.encode())
    return bucket


def printed(api: Any, *args: str) -> Any:
    result = here(api, "--print", *args)
    assert result.returncode == 0, result.stderr
    assert api.api_token.split("/")[-1] not in result.stdout + result.stderr
    return json.loads(result.stdout)


def beside(api: Any, item: dict[str, Any]) -> list[str]:
    return sorted(pb.Collection(item["location"][5:].split("/")[0], api))


class TestFamilies:
    """What a pattern wants beside a file is imported into the same collection."""

    def test_many(self, filled: Bucket, api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also where the files of a folder do not fit into one."""
        monkeypatch.setattr(cwl, "_MOST_FILES", 3)
        job = {"a": [[s3_file(filled.url("x.bam"))], [s3_file(filled.url("y.bam"))]]}
        (made,) = cwl.Rewriter(api).rewrite(job, patterns={"a": [".bai"]})
        assert beside(api, made["a"][0][0]) == ["x.bam", "x.bam.bai"]
        assert beside(api, made["a"][1][0]) == ["y.bam", "y.bam.bai"]

    def test_file_that_is_imported_already(self, filled: Bucket, api: Any) -> None:
        rewriter, job = cwl.Rewriter(api), {"a": s3_file(filled.url("x.bam"))}
        rewriter.rewrite(job)
        (made,) = rewriter.rewrite(job, patterns={"a": [".bai"]})
        assert beside(api, made["a"]) == ["x.bam", "x.bam.bai"]

    def test_defaults(self, filled: Bucket, api: Any, tmp_path: Path) -> None:
        default = json.dumps(s3_file(filled.url("x.bam")))
        path = document(
            tmp_path / "w.cwl",
            f"""\
            class: CommandLineTool
            inputs: {{a: {{type: File, secondaryFiles: [.bai], default: {default}}}}}
            """,
        )
        made = json.loads(Path(_cwl_documents.rewrite_workflow(path, cwl.Rewriter(api), str(tmp_path))).read_text())
        assert beside(api, made["inputs"]["a"]["default"]) == ["x.bam", "x.bam.bai"]

    def test_same_name_in_two_folders(self, filled: Bucket, api: Any) -> None:
        job = {"a": [s3_file(filled.url(n)) for n in ("x.bam", "e/x.bam")]}
        (made,) = cwl.Rewriter(api).rewrite(job)
        assert [content(api, one) for one in made["a"]] == [b"x.bam", b"e/x.bam"]


class TestUrls:
    def test_encoded(self, filled: Bucket, api: Any) -> None:
        """A slash is a slash, however it is written."""
        (made,) = cwl.Rewriter(api).rewrite({"a": s3_file(filled.url("d%2Fy%20z.txt"))})
        assert content(api, made["a"]) == b"d/y z.txt" and made["a"]["basename"] == "y z.txt"

    def test_file_that_is_a_prefix(self, filled: Bucket, api: Any) -> None:
        with pytest.raises(errors.UsageError, match="Directory"):
            cwl.Rewriter(api).rewrite({"a": s3_file(filled.url("d/"))})

    def test_untouched(self, api: Any) -> None:
        job = {
            "text": "s3://bucket/key",
            "record": {"location": "s3://bucket/key", "class": "Other"},
            "web": {"class": "File", "location": "https://example.org/s3://x"},
            "literal": {"class": "File", "contents": "s3://bucket/key", "basename": "x"},
        }
        assert cwl.Rewriter(api).rewrite(job) == [job]


class TestJobOrders:
    def test_what_yaml_can(self, filled: Bucket, api: Any, tmp_path: Path) -> None:
        """Anchors, merge keys, dates, and what a job order imports and includes."""
        document(tmp_path / "sub.yml", f'{{class: File, location: "{filled.url("x.bam")}"}}')
        document(tmp_path / "note.txt", "a: [note")
        path = document(
            tmp_path / "job.yml",
            f"""\
            one: &one {{class: File, location: "{filled.url("x.bam")}"}}
            two: *one
            three: {{<<: *one, basename: other}}
            date: 2001-02-03
            imported: {{$import: sub.yml}}
            text: {{$include: note.txt}}
            """,
        )
        made = printed(api, "none.cwl", path)
        assert len({made[n]["location"] for n in ("one", "two", "three", "imported")}) == 1
        assert made["three"]["basename"] == "other" and made["date"] == "2001-02-03" and made["text"] == "a: [note"

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("a: &a [*a]", "nested"),
            ("a: &a {b: *a}", "nested"),
            ("a: !!binary aGVsbG8=", "JSON"),
            ("a: !!python/object/apply:os.system [touch executed]", "YAML"),
            ("{$import: job.yml}", "itself"),
            ("[" * 100_000, "nested"),
        ],
    )
    def test_refused(self, api: Any, tmp_path: Path, text: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        result = here(api, "--print", "none.cwl", document(tmp_path / "job.yml", text))
        assert result.returncode == 1 and told in result.stderr and "Traceback" not in result.stderr
        assert "executed" not in os.listdir(tmp_path)

    def test_no_text(self, api: Any, tmp_path: Path) -> None:
        (tmp_path / "job.yml").write_bytes(b"\xff\xfe")
        result = here(api, "--print", "none.cwl", str(tmp_path / "job.yml"))
        assert result.returncode == 1 and "UTF-8" in result.stderr

    def test_bucket_of_others(self, filled: Bucket, api: Any) -> None:
        closed = "s3://" + os.environ["TEST_BUCKET_CLOSED"] + "/x"
        with pytest.raises(errors.DeniedError):
            cwl.Rewriter(api).rewrite({"mine": s3_file(filled.url("x.bam")), "other": s3_file(closed)})


class TestWorkflows:
    def test_references(self, filled: Bucket, api: Any, tmp_path: Path) -> None:
        """What is imported is a document, and rewritten; what is included is text; and an input may be called run."""
        folder = tmp_path / "out"
        folder.mkdir()
        document(tmp_path / "lib.js", "function f() { return {a: [1}; }")
        document(
            tmp_path / "inputs.yml",
            f'{{run: string, a: {{type: File, default: {{class: File, location: "{filled.url("x.bam")}"}}}}}}',
        )
        path = document(
            tmp_path / "w.cwl",
            """\
            class: Workflow
            requirements: {InlineJavascriptRequirement: {expressionLib: [{$include: lib.js}]}}
            inputs: {$import: inputs.yml}
            steps: {s: {run: tool.cwl, in: {run: run}, out: []}}
            """,
        )
        document(tmp_path / "tool.cwl", "class: CommandLineTool\ninputs: {run: string}\n")
        made = json.loads(Path(_cwl_documents.rewrite_workflow(path, cwl.Rewriter(api), str(folder))).read_text())
        library = made["requirements"]["InlineJavascriptRequirement"]["expressionLib"][0]
        assert library == {"$include": (tmp_path / "lib.js").as_uri()}
        assert (
            made["steps"]["s"]["in"] == {"run": "run"} and made["steps"]["s"]["run"] == (tmp_path / "tool.cwl").as_uri()
        )
        imported = Path(made["inputs"]["$import"].removeprefix("file://"))
        assert imported.parent == folder
        assert content(api, json.loads(imported.read_text())["a"]["default"]) == b"x.bam"

    def test_patterns_of_the_process_that_runs(self) -> None:
        packed = {
            "$graph": [
                {"id": "#main", "inputs": [{"id": "#main/a", "secondaryFiles": [".bai"]}]},
                {"id": "#other", "inputs": [{"id": "#other/a", "secondaryFiles": [".idx"]}]},
            ]
        }
        assert _cwl_types.patterns_of(packed, "other") == {"a": [".idx"]}
        assert _cwl_types.patterns_of(packed) == {"a": [".bai"]}


class TestLocalCopies:
    """Of `arv-cwl-s3 --local`."""

    def test_nothing_outside(self, filled: Bucket, api: Any, tmp_path: Path) -> None:
        from arvados_cwl.fsaccess import CollectionCache

        from arvados_pseudoblock import _cwl_local

        pb.enable()
        for key in ("n/z.part", "n/z"):
            filled.put(key, key.encode())
        made = pb.import_from_s3(filled.url("n/"), api_client=api)
        made.save_new()
        access = _cwl_local._Access("", collection_cache=CollectionCache(api, api.keep, 3))
        folder = tmp_path / "inputs"
        folder.mkdir()
        inputs, root = _cwl_local._Inputs(access, str(folder)), "keep:" + made.portable_data_hash()
        for bad in (
            root + "/../../evil/x",
            root + "/%2E%2E/%2E%2E/evil/x",
            "keep:/evil",
            "keep:" + str(tmp_path / "evil"),
        ):
            with pytest.raises(errors.UsageError):
                inputs.local(bad)
        assert "evil" not in os.listdir(tmp_path) and not os.path.exists("/evil")
        # Names that lie beside each other take nothing of each other.
        paths = [Path(inputs.local(f"{root}/{name}")) for name in ("z.part", "z")]
        assert [p.read_bytes() for p in paths] == [b"n/z.part", b"n/z"]
        assert read(made, "z") == b"n/z"


def test_directory_with_a_listing(filled: Bucket, api: Any) -> None:
    """It is what its listing says, and not all below the prefix; an empty listing says nothing."""
    filled.put("d/other", b"")
    job = {
        "some": s3_folder(filled.url("d/"), listing=[s3_file(filled.url("d/y z.txt"))]),
        "all": {"class": "Directory", "path": filled.url("d"), "listing": []},
        "local": s3_folder(
            filled.url("d/"), basename="x", listing=[{"class": "File", "basename": "l", "contents": ""}]
        ),
    }
    rewriter = cwl.Rewriter(api)
    (made,) = rewriter.rewrite(job)
    assert made["some"].keys() == {"class", "basename", "listing"} and made["some"]["basename"] == "d"
    assert content(api, made["some"]["listing"][0]) == b"d/y z.txt"
    assert "listing" not in made["all"] and beside(api, made["all"]) == ["other", "y z.txt"]
    assert made["local"] == {"class": "Directory", "basename": "x", "listing": job["local"]["listing"]}
    assert [i.files for i in rewriter.imported] == [2, 1]
