# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""S3 inputs of CWL: rewriting, running with the real cwltool, and what the real
arvados-cwl-runner makes of them."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
from conftest import Bucket, document, noise, read, run_here

import arvados_pseudoblock as pb
from arvados_pseudoblock import cwl, errors
from arvados_pseudoblock._cwl_types import patterns_of
from arvados_pseudoblock.commands import cwl_s3

Result = subprocess.CompletedProcess[str]


def program(api: Any, *args: str, cwd: Path | None = None, **env: str) -> Result:
    command = [sys.executable, "-m", "arvados_pseudoblock.commands.cwl_s3", *args]
    environment = {**os.environ, "ARVADOS_API_TOKEN": api.api_token, **env}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, cwd=cwd)


def here(api: Any, *args: str) -> Result:
    return run_here(cwl_s3.main, api, *args)


def s3_file(url: str, **more: Any) -> dict[str, Any]:
    return {"class": "File", "location": url, **more}


def s3_folder(url: str, **more: Any) -> dict[str, Any]:
    return {"class": "Directory", "location": url, **more}


@pytest.fixture
def filled(bucket: Bucket) -> Bucket:
    for key in ("x.bam", "x.bam.bai", "x.dict", "y z.txt", "d/one", "d/e/two", "d/empty"):
        bucket.put(key, b"" if key.endswith("empty") else key.encode())
    return bucket


def content(api: Any, item: dict[str, Any]) -> bytes:
    pdh, _, path = item["location"].removeprefix("keep:").partition("/")
    return read(pb.Collection(pdh, api), urllib.parse.unquote(path))


class TestRewriter:
    def test_everywhere(self, filled: Bucket, api: Any) -> None:
        """Arrays, records, secondaryFiles, listings, defaults; one import per prefix."""
        job = {
            "one": s3_file(filled.url("x.bam"), secondaryFiles=[s3_file(filled.url("x.bam.bai"))]),
            "many": [s3_file(filled.url("x.dict")), {"class": "File", "path": filled.url("y z.txt")}],
            "record": {"inner": {"deep": [s3_folder(filled.url("d/"))]}, "number": 1},
            "again": s3_folder(filled.url("d/")),
            "literal": {"class": "Directory", "listing": [s3_file(filled.url("d/one"), basename="renamed")]},
            "other": {"class": "File", "location": "keep:d41d8cd98f00b204e9800998ecf8427e+0/x"},
            "text": "s3://is/not/a/file",
        }
        before = json.loads(json.dumps(job))
        rewriter = cwl.Rewriter(api)
        (made,) = rewriter.rewrite(job)
        assert job == before
        assert [i.files for i in rewriter.imported] == [3, 4, 1] and not any(i.reused for i in rewriter.imported)
        assert made["text"] == job["text"] and made["other"] == job["other"]
        assert content(api, made["one"]) == b"x.bam" and made["one"]["basename"] == "x.bam"
        assert content(api, made["one"]["secondaryFiles"][0]) == b"x.bam.bai"
        assert content(api, made["many"][1]) == b"y z.txt" and made["many"][1]["location"].endswith("/y%20z.txt")
        assert "path" not in made["many"][1]
        folder = made["record"]["inner"]["deep"][0]
        assert folder["location"] == made["again"]["location"] and folder["basename"] == "d"
        assert sorted(pb.Collection(folder["location"][5:], api)) == ["e", "empty", "one"]
        assert made["literal"]["listing"][0]["basename"] == "renamed"
        assert content(api, made["literal"]["listing"][0]) == b"d/one"

    def test_same_again(self, filled: Bucket, api: Any) -> None:
        """Nothing changed: the same reference, and no further collection. Something
        changed: another reference."""
        job = {"a": s3_file(filled.url("x.bam")), "d": s3_folder(filled.url("d/"))}
        (first,), second = cwl.Rewriter(api).rewrite(job), cwl.Rewriter(api)
        assert second.rewrite(job) == [first] and all(i.reused for i in second.imported)
        filled.put("x.bam", b"XXXXX")
        (third,) = cwl.Rewriter(api).rewrite(job)
        assert third["a"]["location"] != first["a"]["location"] and third["d"] == first["d"]
        assert (content(api, first["a"]), content(api, third["a"])) == (b"x.bam", b"XXXXX")

    def test_what_is_recorded(self, filled: Bucket, api: Any) -> None:
        version = filled.put("x.bam", b"newest")
        job = {"a": s3_file(filled.url("x.bam")), "d": s3_folder(filled.url("d"))}
        rewriter = cwl.Rewriter(api)
        rewriter.rewrite(job, patterns={"a": [".bai"]})
        records = [api.collections().get(uuid=i.uuid).execute()["properties"] for i in rewriter.imported]
        (folder,) = records[0][cwl.SOURCES]
        assert folder.pop("imported_at") and folder == {"url": filled.url("d/"), "files": 3, "bytes": 12, "skipped": 0}
        assert records[0]["arv:s3_prefixes"][-2:] == [filled.url("d/"), filled.url("d/e/")]
        source = records[1][cwl.SOURCES][0]
        assert (source["url"], source["version_id"]) == (filled.url("x.bam"), version)
        told = records[1][filled.url("x.bam")]
        assert told["Content-Length"] == "6" and told["Etag"] == f'"{hashlib.md5(b"newest").hexdigest()}"'
        assert records[1][filled.url("x.bam") + "?versionId=" + version]["Cache-Control"] == "immutable"

    def test_stock_download_cache(self, filled: Bucket, api: Any) -> None:
        """Stock code that would download the object finds the import and takes that."""
        from arvados._internal.to_keep_util import generic_check_cached_url

        job = {"a": s3_file(filled.url("x.bam"))}
        (made,) = cwl.Rewriter(api).rewrite(job, patterns={"a": [".bai"]})
        found = generic_check_cached_url(api, None, None, filled.url("x.bam"), {})
        assert f"keep:{found.portable_data_hash}/{found.file_name}" == made["a"]["location"]
        # Files that share a collection are not told: the cache would take the first for each.
        cwl.Rewriter(api).rewrite({"many": [s3_file(filled.url(n)) for n in ("x.dict", "x.bam.bai")]})
        assert generic_check_cached_url(api, None, None, filled.url("x.bam.bai"), {}).portable_data_hash is None

    def test_secondary_files(self, filled: Bucket, api: Any) -> None:
        job = {"a": s3_file(filled.url("x.bam")), "b": [s3_file(filled.url("y z.txt"))]}
        (made,) = cwl.Rewriter(api).rewrite(
            job, patterns={"a": [".bai", "^.dict", ".none?", "$(self.x)"], "b": [".bai"]}
        )
        assert sorted(pb.Collection(made["a"]["location"][5:].split("/")[0], api)) == [
            "x.bam",
            "x.bam.bai",
            "x.dict",
            "y z.txt",
        ]

    def test_versions(self, filled: Bucket, api: Any) -> None:
        old = filled.put("v", b"old")
        filled.put("v", b"new")
        job = {
            "now": s3_file(filled.url("v")),
            "then": s3_file(filled.url("v") + "?versionId=" + urllib.parse.quote(old)),
        }
        (made,) = cwl.Rewriter(api).rewrite(job)
        assert (content(api, made["now"]), content(api, made["then"])) == (b"new", b"old")
        assert made["then"]["basename"] == "v"

    @pytest.mark.parametrize("form", ["opaque", "derived", "content"])
    def test_forms_and_project(self, filled: Bucket, api: Any, form: str) -> None:
        project = api.groups().create(body={"group": {"group_class": "project", "name": "p"}}).execute()["uuid"]
        rewriter = cwl.Rewriter(api, project, form=form)
        (made,) = rewriter.rewrite({"a": s3_file(filled.url("x.bam"))})
        record = api.collections().get(uuid=rewriter.imported[0].uuid).execute()
        assert record["owner_uuid"] == project and content(api, made["a"]) == b"x.bam"
        assert ("+Vmd5" in record["manifest_text"]) == (form == "content")

    def test_refused(self, filled: Bucket, api: Any) -> None:
        for job in ({"a": s3_file(filled.url("none"))}, {"a": [s3_file(filled.url(n)) for n in ("x.bam", "none")]}):
            with pytest.raises(errors.NotFoundError, match="none"):
                cwl.Rewriter(api).rewrite(job)
        with pytest.raises(errors.NotFoundError):
            cwl.Rewriter(api).rewrite({"d": s3_folder(filled.url("nothing/"))})
        with pytest.raises(errors.UsageError, match="prefix"):
            cwl.Rewriter(api).rewrite({"d": s3_folder(filled.url("d?versionId=x"))})

    def test_nothing_to_do(self, api: Any) -> None:
        job = {"x": 1, "f": {"class": "File", "location": "file:///etc/hosts"}}
        assert cwl.Rewriter(api).rewrite(job, None) == [job, None]


def test_siblings() -> None:
    for url, pattern, want in (
        ("s3://b/d/x.bam", ".bai", "s3://b/d/x.bam.bai"),
        ("s3://b/d/x.bam", "^.bai", "s3://b/d/x.bai"),
        ("s3://b/d/x.tar.gz", "^^.idx?", "s3://b/d/x.idx"),
        ("s3://b/d.e/x", "^.fai", "s3://b/d.e/x.fai"),
        ("s3://b/x?versionId=1", ".i", "s3://b/x.i"),
        ("s3://b/x", "$(self.basename).i", ""),
    ):
        assert cwl.siblings(url, pattern) == want


def test_patterns() -> None:
    mapped = {"inputs": {"a": {"type": "File", "secondaryFiles": [".bai", {"pattern": "^.x"}]}, "b": "File"}}
    listed = {"inputs": [{"id": "#main/a", "secondaryFiles": ".bai"}, {"id": "b", "type": "int"}]}
    assert patterns_of(mapped) == {"a": [".bai", "^.x"]} and patterns_of(listed) == {"a": [".bai"]}
    assert patterns_of({"$graph": [{"id": "t"}, {"id": "#main", **listed}]}) == {"a": [".bai"]}


TOOL = """\
    cwlVersion: v1.2
    class: CommandLineTool
    baseCommand: [sh, -c, 'cat "$0" "$0".bai "$1"/one; cd "$1"; find -L . -type f | sort']
    requirements: {LoadListingRequirement: {loadListing: no_listing}}
    inputs:
      reads: {type: File, secondaryFiles: [.bai], inputBinding: {position: 1}}
      folder: {type: Directory, inputBinding: {position: 2}}
    outputs: {found: {type: stdout}}
    stdout: found.txt
    """

WORKFLOW = """\
    cwlVersion: v1.2
    class: Workflow
    inputs:
      reads: {type: File, secondaryFiles: [.bai]}
      folder: {type: Directory}
      extra: {type: File, default: {class: File, location: "EXTRA"}}
      note: {type: File, default: {class: File, path: note.txt}}
    outputs:
      found: {type: File, outputSource: look/found}
      copied: {type: File, outputSource: copy/out}
    steps:
      look: {run: tool.cwl, in: {reads: reads, folder: folder}, out: [found]}
      copy:
        in: {extra: extra, note: note}
        out: [out]
        run:
          class: CommandLineTool
          baseCommand: cat
          inputs:
            extra: {type: File, inputBinding: {position: 1}, loadContents: true}
            note: {type: File, inputBinding: {position: 2}}
          outputs: {out: {type: stdout}}
          stdout: copied.txt
    """


@pytest.fixture
def workflow(filled: Bucket, tmp_path: Path) -> tuple[str, str]:
    """A workflow with a tool in another file and a default in S3, and its job order."""
    document(tmp_path / "tool.cwl", TOOL)
    document(tmp_path / "note.txt", "a note\n")
    path = document(tmp_path / "workflow.cwl", WORKFLOW.replace("EXTRA", filled.url("x.dict")))
    job = document(
        tmp_path / "job.yml",
        f"""\
        reads: {{class: File, location: "{filled.url("x.bam")}"}}
        folder: {{class: Directory, location: "{filled.url("d/")}"}}
        """,
    )
    return path, job


def test_run_with_cwltool(workflow: tuple[str, str], api: Any, tmp_path: Path) -> None:
    """Real tools, without containers, over files and a directory in S3."""
    result = program(api, "--local", "--no-container", "--outdir", str(tmp_path / "out"), *workflow)
    assert result.returncode == 0, result.stderr
    outputs = json.loads(result.stdout)
    assert (tmp_path / "out" / "found.txt").read_text() == "x.bamx.bam.baid/one./e/two\n./empty\n./one\n"
    assert Path(outputs["copied"]["path"]).read_text() == "x.dicta note\n"
    assert "boto" not in result.stderr


def test_print(workflow: tuple[str, str], api: Any) -> None:
    result = here(api, "--print", *workflow)
    assert result.returncode == 0, result.stderr
    job = json.loads(result.stdout)
    assert content(api, job["reads"]) == b"x.bam" and job["folder"]["basename"] == "d"
    assert result.stderr.count("arv-cwl-s3: s3://") == 3 and "(2 files, imported)" in result.stderr
    assert "found again" in here(api, "--print", *workflow).stderr


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupt(
    workflow: tuple[str, str], api: Any, monkeypatch: pytest.MonkeyPatch, number: int, status: int
) -> None:
    """Ended in its second import: the first collection is whole, and found again."""
    stock, seen = cwl.Rewriter._import, []

    def second(self: Any, group: Any) -> None:
        seen.append(group)
        if len(seen) == 2:
            os.kill(os.getpid(), number)
        stock(self, group)

    monkeypatch.setattr(cwl.Rewriter, "_import", second)
    result = here(api, "--print", *workflow)
    assert (result.returncode, result.stdout) == (status, "") and "Traceback" not in result.stderr
    (left,) = api.collections().list(include_trash=True).execute()["items"]
    assert pb.Collection(left["uuid"], api).portable_data_hash() == left["portable_data_hash"]
    again = here(api, "--print", *workflow)
    assert again.returncode == 0 and again.stderr.count("found again") == 1


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ([], "arv-cwl-s3: error: the following arguments are required: workflow"),
        (["--local"], "which workflow?"),
        (["none.cwl", "none.yml"], "none.yml cannot be read"),
        (["none.cwl", "--reads", "s3://b/k"], "must stand in a job order file"),
    ],
)
def test_bad_arguments(api: Any, args: list[str], text: str) -> None:
    result = here(api, *args)
    assert result.returncode != 0 and text in result.stderr and "Traceback" not in result.stderr


def test_many_files(bucket: Bucket, api: Any) -> None:
    """A folder of many files is one import, and nothing of it is read or written."""
    for n in range(120):
        bucket.put(f"many/{n:03}", noise(1000, n))
    rewriter = cwl.Rewriter(api)
    (made,) = rewriter.rewrite(
        {"d": s3_folder(bucket.url("many/")), "f": [s3_file(bucket.url(f"many/{n:03}")) for n in range(120)]}
    )
    assert [i.files for i in rewriter.imported] == [120, 120]
    assert rewriter._keep.download_counter.get() == rewriter._keep.upload_counter.get() == 0
    assert content(api, made["f"][113]) == noise(1000, 113)


RUNNER_TOOL = """\
    cwlVersion: v1.2
    class: CommandLineTool
    baseCommand: wc
    $namespaces: {arv: "http://arvados.org/cwl#"}
    requirements:
      DockerRequirement: {dockerPull: some/image, "arv:dockerCollectionPDH": "99999999999999999999999999999999+99"}
      LoadListingRequirement: {loadListing: no_listing}
    inputs:
      reads: {type: File, secondaryFiles: [.bai], inputBinding: {position: 1}}
      folder: {type: Directory, inputBinding: {position: 2}}
      extra: {type: File, default: {class: File, location: "EXTRA"}, inputBinding: {position: 3}}
    outputs: []
    """


def test_arvados_cwl_runner(workflow: tuple[str, str], filled: Bucket, api: Any, tmp_path: Path) -> None:
    """The real runner, unchanged, up to the container request: its mounts are the imports."""
    from cluster import Cluster

    tool = document(tmp_path / "one.cwl", RUNNER_TOOL.replace("EXTRA", filled.url("x.dict")))
    with Cluster(tmp_path) as cluster:
        env = {"ARVADOS_API_HOST": cluster.host, "ARVADOS_API_HOST_INSECURE": "1"}
        result = program(api, "--disable-git", "--api=containers", tool, workflow[1], cwd=None, **env)
    assert len(cluster.requests_made) == 1, result.stderr
    (request,) = cluster.requests_made
    assert result.returncode != 0 and "nothing is run here" in result.stderr and "Download error" not in result.stderr
    mounts = {path: m for path, m in request["mounts"].items() if m.get("kind") == "collection"}
    assert request["command"][0] == "wc" and len(request["command"]) == 4
    for path in request["command"][1:]:
        assert any(path.startswith(mount.rstrip("/")) for mount in mounts), (path, mounts)
    used = {m["portable_data_hash"] for m in mounts.values()}
    job = json.loads(here(api, "--print", tool, workflow[1]).stdout)
    assert {item["location"][5:].split("/")[0] for item in (job["reads"], job["folder"])} <= used and len(used) == 3
    assert content(api, job["reads"]) == b"x.bam"


def test_readme(workflow: tuple[str, str], api: Any, tmp_path: Path) -> None:
    """The example of README, as it is printed."""
    text = (
        (Path(__file__).parents[1] / "README.md").read_text().split("<!-- example: cwl -->\n```sh\n")[1].split("```")[0]
    )
    scripts = str(Path(os.environ["TEST_INSTALLED_IN"]) / "bin")
    environment = {**os.environ, "ARVADOS_API_TOKEN": api.api_token, "PATH": scripts + ":" + os.environ["PATH"]}
    command = ["sh", "-e", "-c", text]
    result = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "found.txt").exists()
