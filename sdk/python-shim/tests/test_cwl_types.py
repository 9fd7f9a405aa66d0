# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Types that CWL documents name: secondary files of record fields, and copies of
workflows that lie elsewhere. And a real workflow with what wish 2.6 lists: glob,
loadContents, secondaryFiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Bucket, document
from test_cwl import content, here, program, s3_file

from arvados_pseudoblock import _cwl_types, cwl

RECORD = {
    "type": "record",
    "name": "#types/Sample",
    "fields": [
        {"name": "#types/Sample/reads", "type": "File", "secondaryFiles": [".bai"]},
        {"name": "pair", "type": {"type": "array", "items": ["null", "File"]}, "secondaryFiles": {"pattern": "^.x?"}},
        {"name": "child", "type": ["null", "#types/Sample"]},
    ],
}


@pytest.fixture
def filled(bucket: Bucket) -> Bucket:
    for key in ("x.bam", "x.bam.bai", "y.bam", "y.x", "x.dict", "d/a.txt", "d/b.txt", "d/e/two", "d/e/two.idx"):
        bucket.put(key, key.encode())
    return bucket


@pytest.mark.parametrize(
    "type_",
    [RECORD, "types.yml#Sample", "#Sample?", ["null", "#types/Sample[]"], {"type": "array", "items": {"type": RECORD}}],
)
def test_patterns_of_fields(type_: Any) -> None:
    workflow: dict[str, Any] = {
        "requirements": {"SchemaDefRequirement": {"types": [RECORD]}},
        "inputs": {"s": {"type": type_}},
    }
    assert _cwl_types.patterns_of(workflow) == {"s/reads": [".bai"], "s/pair": ["^.x?"]}
    workflow["inputs"] = [{"id": "#main/s", "type": type_, "secondaryFiles": ".own"}]
    assert _cwl_types.patterns_of(workflow)["s"] == [".own"]
    workflow["inputs"] = {"s": "types.yml#Sample", "t": ["null", "File"]}
    assert _cwl_types.patterns_of(workflow).keys() == {"s/reads", "s/pair"}


def test_fields(filled: Bucket, api: Any) -> None:
    sample = {"reads": s3_file(filled.url("x.bam")), "pair": [s3_file(filled.url("y.bam"))]}
    job = {"s": [{"child": sample, "reads": 1}, 7, None], "reads": s3_file(filled.url("d/a.txt"))}
    patterns = {"s/child/reads": [".bai"], "s/child/pair": ["^.x"], "s/none/reads": [".bai"], "s/reads/more": [".x"]}
    rewriter = cwl.Rewriter(api)
    (made,) = rewriter.rewrite(job, patterns=patterns)
    assert [i.files for i in rewriter.imported] == [4, 1]
    assert content(api, made["s"][0]["child"]["pair"][0]) == b"y.bam"


def test_references() -> None:
    found = {
        "inputs": {"a": "t.yml#A", "b": ["null", "t.yml#B[]"], "c": {"type": "t.yml#C?"}, "d": "File", "e": "#E"},
        "outputs": [{"id": "o", "type": {"type": "array", "items": "t.yml#D"}}, {"type": "file:///t.yml#F"}],
        "$schemas": ["edam.owl", "https://example.org/edam.owl", 1],
        "x": {"type": {}, "items": 3, "fields": {"a": 1}},
    }
    names = sorted(holder[at] for holder, at in _cwl_types.type_references(found))
    assert names == ["edam.owl", "t.yml#A", "t.yml#B[]", "t.yml#C?", "t.yml#D"]


TYPES = """\
    - name: Sample
      type: record
      fields:
        reads: {type: File, secondaryFiles: [.bai]}
        label: string
    """

TOOL = """\
    cwlVersion: v1.2
    class: CommandLineTool
    baseCommand: [echo]
    requirements:
      SchemaDefRequirement: {types: [{$import: types.yml}]}
      InitialWorkDirRequirement: {listing: [$(inputs.folder)]}
      LoadListingRequirement: {loadListing: deep_listing}
    inputs:
      sample: types.yml#Sample
      folder: Directory
      extra: {type: File, loadContents: true}
    arguments:
      - $(inputs.extra.contents)
      - $(inputs.sample.reads.secondaryFiles[0].basename)
      - $(inputs.sample.label)
      - $(inputs.folder.listing.length)
    stdout: said.txt
    outputs:
      said: stdout
      texts: {type: "File[]", outputBinding: {glob: "d/*.txt"}}
      deep: {type: File, secondaryFiles: [.idx], outputBinding: {glob: d/*/two}}
      text: {type: string, outputBinding: {glob: d/*/two, loadContents: true, outputEval: "$(self[0].contents)"}}
      all: {type: Directory, outputBinding: {glob: d}}
    """

WORKFLOW = """\
    cwlVersion: v1.2
    class: Workflow
    requirements: {SchemaDefRequirement: {types: [{$import: types.yml}]}}
    inputs:
      sample: {type: types.yml#Sample}
      folder: Directory
      extra: {type: File, default: {class: File, location: "EXTRA"}}
    steps:
      look: {run: tool.cwl, in: {sample: sample, folder: folder, extra: extra}, out: [said, texts, deep, text, all]}
    outputs:
      said: {type: File, outputSource: look/said}
      texts: {type: "File[]", outputSource: look/texts}
      deep: {type: File, outputSource: look/deep}
      text: {type: string, outputSource: look/text}
      all: {type: Directory, outputSource: look/all}
    """


def test_real_workflow(filled: Bucket, api: Any, tmp_path: Path) -> None:
    """The workflow is copied, for its default is in S3, and still finds its types; the
    field of the record gets its index; files of a directory input are globbed."""
    document(tmp_path / "types.yml", TYPES)
    document(tmp_path / "tool.cwl", TOOL)
    path = document(tmp_path / "workflow.cwl", WORKFLOW.replace("EXTRA", filled.url("x.dict")))
    job = document(
        tmp_path / "job.yml",
        f"""\
        sample: {{reads: {{class: File, location: "{filled.url("x.bam")}"}}, label: one}}
        folder: {{class: Directory, location: "{filled.url("d/")}"}}
        """,
    )
    out = tmp_path / "out"
    result = program(api, "--local", "--no-container", "--outdir", str(out), path, job)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert Path(found["said"]["path"]).read_text() == "x.dict x.bam.bai one 3\n"
    assert [Path(f["path"]).read_text() for f in found["texts"]] == ["d/a.txt", "d/b.txt"]
    assert found["text"] == "d/e/two" and found["deep"]["secondaryFiles"][0]["basename"] == "two.idx"
    assert sorted(p.name for p in Path(found["all"]["path"]).rglob("*")) == ["a.txt", "b.txt", "e", "two", "two.idx"]
    printed = json.loads(here(api, "--print", path, job).stdout)
    assert content(api, printed["sample"]["reads"]) == b"x.bam"
