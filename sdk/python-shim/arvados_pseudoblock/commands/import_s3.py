# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""``arv-import-s3``: makes a collection of S3 objects, by reference."""

from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import json
import sys
from typing import Any

import arvados
import arvados.util

from .. import _merging, imports
from .._interrupts import put_off
from .._merging import Gathered
from .._recording import records_of
from ..collection import Collection
from ..errors import UsageError
from ..keep import KeepClient
from ..saving import Attributes, save_all
from ._common import OK, PARTIAL, Meter, add_progress, guarded, size, tell_left_out, tell_outlook

NAME = "arv-import-s3"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=NAME,
        description="Makes an Arvados collection of S3 objects and prefixes, by reference: nothing is copied. "
        "Prints its UUID; of one that is too large for the API server, those of its parts, a line each.",
        epilog="Exit status: 0 all is imported, 1 nothing is saved, 3 saved, but some objects were left out for "
        "reasons that no filter named, 130 or 143 interrupted and nothing saved.",
    )
    add = parser.add_argument
    add(
        "urls",
        nargs="+",
        metavar="URL",
        help="s3://bucket/key, or s3://bucket/prefix/ with / at the end; ?versionId= pins an old version",
    )
    add("--project-uuid", metavar="UUID", help="make the collection in this project")
    add("--name", help="name of the collection")
    add("--update-collection", metavar="UUID", help="add to this collection; files of the same path are replaced")
    add(
        "--path",
        help="folder in the collection for prefixes; for one object its name, or its folder where it ends with /",
    )
    add(
        "--include",
        action="append",
        default=[],
        metavar="GLOB",
        help="only these files below a prefix; may be given several times",
    )
    add("--exclude", action="append", default=[], metavar="GLOB", help="not these files; counts more than --include")
    add("--include-regexp", action="append", default=[], metavar="RE", help="likewise, by a regular expression of RE2")
    add("--exclude-regexp", action="append", default=[], metavar="RE", help="likewise, anywhere in a path; counts more")
    add("--as-of", metavar="TIME", help="the versions that were current then, such as 2026-10-01T00:00:00Z")
    add(
        "--form",
        choices=["opaque", "derived", "content"],
        help="form of locators; content is for stock clients (default: what the cluster can hold)",
    )
    add("--dry-run", action="store_true", help="only count; save nothing")
    add("--json", action="store_true", help="print a JSON object in place of the UUID")
    add("--retries", type=int, default=10, metavar="N", help="tries after a failure that may pass (default 10)")
    add_progress(parser)
    return parser


def main(args: list[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    options = _parser().parse_args(args)
    return guarded(NAME, lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    _check(options)
    meter = Meter(options.progress, NAME)
    api = arvados.api("v1", num_retries=options.retries)
    try:
        result = (_count if options.dry_run else _update if options.update_collection else _create)(api, options, meter)
    finally:
        meter.end()
    summary: imports.Summary = result.pop("summary")
    tell_left_out(NAME, summary)
    tell_outlook(NAME, summary)
    made: list[dict[str, Any]] = result.get("collections", [])
    if options.json:
        print(json.dumps({**result, **dataclasses.asdict(summary)}, indent=1))
    else:
        print("\n".join(c["uuid"] for c in made) if made else result["uuid"] or _told(summary, result))
    return PARTIAL if summary.status == "partial" else OK


def _check(options: argparse.Namespace) -> None:
    given = (("--project-uuid", options.project_uuid), ("--name", options.name))
    if options.update_collection:
        for flag, value in given:
            if value:
                raise UsageError(
                    f"{flag} has no meaning with --update-collection: that collection has a project and a name"
                )
    if options.update_collection and not arvados.util.collection_uuid_pattern.fullmatch(options.update_collection):
        raise UsageError(f"{options.update_collection!r} is not the UUID of a collection")
    owners = (arvados.util.group_uuid_pattern, arvados.util.user_uuid_pattern)
    if options.project_uuid and not any(p.fullmatch(options.project_uuid) for p in owners):
        raise UsageError(f"{options.project_uuid!r} is not the UUID of a project or user")


def _told(summary: imports.Summary, result: dict[str, Any]) -> str:
    classes = ", ".join(f"{n} {name}" for name, n in sorted(result["storage_classes"].items()))
    return f"{summary.files} files, {size(summary.bytes)}" + (f" ({classes})" if classes else "")


def _sources(options: argparse.Namespace) -> list[imports.Source]:
    return imports.sources_of(
        options.urls,
        options.path,
        include=options.include,
        exclude=options.exclude,
        as_of=options.as_of,
        include_regexp=options.include_regexp,
        exclude_regexp=options.exclude_regexp,
    )


def _events(api: Any, options: argparse.Namespace) -> Any:
    keep = KeepClient(api_client=api, num_retries=options.retries)
    return imports.events(keep, _sources(options), options.form)


def _count(api: Any, options: argparse.Namespace, meter: Meter) -> dict[str, Any]:
    classes: collections.Counter[str] = collections.Counter()
    result: dict[str, Any] = {"uuid": None}
    for event in _events(api, options):
        if isinstance(event, imports.File):
            classes[event.storage_class or "STANDARD"] += 1
        elif isinstance(event, imports.Progress):
            meter(event)
        elif isinstance(event, imports.Summary):
            result["summary"] = event
    return {**result, "storage_classes": dict(classes)}


def _update(api: Any, options: argparse.Namespace, meter: Meter) -> dict[str, Any]:
    collection = Collection(options.update_collection, api_client=api, num_retries=options.retries)
    summary = _merging.into(collection, _sources(options), options.form, meter)
    _check_any(summary)
    with put_off() as interrupts:
        interrupts.check()
        collection.save()
    return {"uuid": options.update_collection, "summary": summary}


def _create(api: Any, options: argparse.Namespace, meter: Meter) -> dict[str, Any]:
    """Keeps what comes on disk, so that memory does not grow with the number of files."""
    with contextlib.closing(Gathered()) as gathered:
        for event in _events(api, options):
            gathered.take(event, meter)
        gathered.check()
        _check_any(gathered.summary)
        meter.end()
        attributes = Attributes(
            options.name or _name(options.urls),
            options.project_uuid,
            sources=tuple(records_of(_sources(options), gathered.counts)),
        )
        made = save_all(api, gathered.files.entries, attributes, options.retries)
        return {"uuid": made[0]["uuid"], "collections": made, "summary": gathered.summary}


def _check_any(summary: imports.Summary) -> None:
    if summary.files == 0:
        tell_left_out(NAME, summary)
        raise UsageError(f"nothing is left to import, of {summary.listed} keys: nothing is saved")


def _name(urls: list[str]) -> str:
    """What a collection without a name is; as ``keepstore import`` has it."""
    more = len(urls) - 1
    name = f"Import of {urls[0]}" + (f" and {more} other{'s' * (more > 1)}" if more else "")
    raw = name.encode()
    return name if len(raw) <= 200 else raw[:200].decode("utf-8", "ignore") + "…"


if __name__ == "__main__":
    sys.exit(main())
