# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""``arv-cwl-s3``: runs a CWL workflow whose inputs lie in S3, by reference."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
from typing import Any

import arvados

from .._cwl_documents import absolute, as_json, inlined, load, rewrite_workflow, wanted_by
from ..cwl import Rewriter
from ..enabling import enable
from ..errors import UsageError
from ._common import OK, Meter, add_progress, guarded

NAME = "arv-cwl-s3"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=NAME,
        usage=f"{NAME} [options] [options of arvados-cwl-runner, or with --local of cwltool] WORKFLOW [JOB]",
        allow_abbrev=False,
        description="Imports, by reference, the s3:// File and Directory inputs of a job order and of defaults in the "
        "workflow, and runs the workflow on them with arvados-cwl-runner. Nothing is copied.",
    )
    add = parser.add_argument
    add("--print", action="store_true", help="only print the job order with keep: references")
    add("--local", action="store_true", help="run with cwltool on this machine")
    add(
        "--form",
        choices=["opaque", "derived", "content"],
        help="form of locators; content is for compute nodes with stock clients",
    )
    add("--as-of", metavar="TIME", help="the versions that were current then, such as 2026-10-01T00:00:00Z")
    add("--allow-partial", action="store_true", help="run although objects of a prefix had to be left out")
    add_progress(parser)
    return parser


def main(args: list[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    options, rest = _parser().parse_known_args(args)
    return guarded(NAME, lambda: _run(options, rest))


def _run(options: argparse.Namespace, rest: list[str]) -> int:
    parsed = _runner(options).parse_args(rest)
    if not parsed.workflow:
        raise UsageError("which workflow? usage: arv-cwl-s3 [options] WORKFLOW [JOB]")
    job_args = list(parsed.job_order or [])
    before = rest[: len(rest) - len(job_args) - 1]
    api = arvados.api("v1")
    enable()
    with tempfile.TemporaryDirectory(prefix="arv-cwl-s3-") as folder:
        workflow, job_args = _rewritten(options, parsed, job_args, api, folder)
        if options.print:
            return OK
        if options.local:
            from .._cwl_local import run  # not at the top: it needs cwltool

            return run([*before, workflow, *job_args], api, os.path.join(folder, "inputs"))
        return int(
            importlib.import_module("arvados_cwl").main(
                [*before, workflow, *job_args], api_client=api, keep_client=api.keep
            )
        )


def _runner(options: argparse.Namespace) -> argparse.ArgumentParser:
    """The parser of the program that is run, to find workflow and job order in its arguments."""
    try:
        module = importlib.import_module("cwltool.argparser" if options.local else "arvados_cwl")
    except ImportError as error:
        raise UsageError(f"{error.name} is not installed: pip install arvados-pseudoblock[cwl]") from None
    parser: argparse.ArgumentParser = module.arg_parser()
    parser.prog = NAME
    return parser


def _rewritten(
    options: argparse.Namespace, parsed: argparse.Namespace, job_args: list[str], api: Any, folder: str
) -> tuple[str, list[str]]:
    """Workflow and job order to run with: those given, or rewritten copies."""
    meter = Meter(options.progress, NAME)
    rewriter = Rewriter(
        api,
        getattr(parsed, "project_uuid", None),
        form=options.form,
        as_of=options.as_of,
        allow_partial=options.allow_partial,
        progress=meter,
    )
    try:
        workflow = rewrite_workflow(parsed.workflow, rewriter, folder)
        job, path = _job(job_args)
        (made,) = rewriter.rewrite(job, patterns=_patterns(parsed.workflow))
    finally:
        meter.end()
    for one in rewriter.imported:
        print(
            f"{NAME}: {one.url} is {one.uuid} ({one.files} files, {'found again' if one.reused else 'imported'})",
            file=sys.stderr,
        )
    if options.print:
        print(as_json(made, path or "the job order"))
    if path is None or made == job:
        return workflow, job_args
    return workflow, [_written(made, folder, path), *job_args[1:]]


def _job(job_args: list[str]) -> tuple[Any, str | None]:
    """The job order, and its path when it is a file."""
    for value in job_args[1:] if job_args and not job_args[0].startswith("-") else job_args:
        if value.startswith("s3://"):
            raise UsageError("S3 inputs must stand in a job order file, not on the command line")
    if not job_args or job_args[0].startswith("-"):
        return {}, None
    return inlined(load(job_args[0]), job_args[0]), job_args[0]


def _patterns(workflow: str) -> dict[str, list[str]]:
    file, _, name = workflow.partition("#")
    return wanted_by(file, name) if os.path.isfile(file) else {}


def _written(job: Any, folder: str, path: str) -> str:
    copy = os.path.join(folder, "job.json")
    with open(copy, "w", encoding="utf-8") as f:
        f.write(as_json(absolute(job, path), path))
    return copy


if __name__ == "__main__":
    sys.exit(main())
