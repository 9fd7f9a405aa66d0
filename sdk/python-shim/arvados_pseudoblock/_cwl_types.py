# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Types in CWL documents: which inputs, and fields of records, want secondary
files; and where types of other documents are named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .cwl import nodes

__all__ = ["inputs", "patterns_of", "processes", "type_references"]

_TYPED = ("inputs", "outputs", "fields")


def processes(document: Any) -> list[dict[str, Any]]:
    """The workflows and tools of a document."""
    graph = document.get("$graph") if isinstance(document, dict) else None
    return [p for p in (graph if isinstance(graph, list) else [document]) if isinstance(p, dict)]


def inputs(process: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The inputs of a workflow or tool, by name."""
    return _members(process.get("inputs"), "id")


def _members(value: Any, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Inputs or fields, as a map or a list; where there is only a type, with that."""
    listed = value if isinstance(value, list) else []
    named = value.items() if isinstance(value, dict) else ((i.get(key, ""), i) for i in listed if isinstance(i, dict))
    for name, one in named:
        short = str(name).rpartition("/")[2].lstrip("#")
        if isinstance(one, (dict, str, list)):
            yield short, one if isinstance(one, dict) else {"type": one}


def patterns_of(workflow: Any, name: str = "main") -> dict[str, list[str]]:
    """The ``secondaryFiles`` patterns of the inputs of a workflow or tool, by input,
    and of fields of records, by "input/field". ``name``: which process, in a packed
    document. Types may stand where they are used, or be named in the document."""
    found: dict[str, list[str]] = {}
    types = (one for one in nodes(workflow) if str(one.get("type")) in ("record", "array"))
    known = {_short(one["name"]): one for one in types if isinstance(one.get("name"), str)}
    for key, one in inputs(_main(workflow, name or "main")):
        for path, patterns in _patterns(key, one, known, ()):
            found.setdefault(path, []).extend(patterns)
    return found


def _main(workflow: Any, name: str) -> dict[str, Any]:
    """The process that is run: of a packed document that of the name, or its first."""
    found = processes(workflow)
    named = [p for p in found if str(p.get("id", "")).lstrip("#") == name]
    return (named or found or [{}])[0]


def _patterns(
    path: str, one: dict[str, Any], known: dict[str, Any], within: tuple[int, ...]
) -> Iterator[tuple[str, list[str]]]:
    wanted = one.get("secondaryFiles")
    listed = wanted if isinstance(wanted, list) else [wanted]
    patterns = [p.get("pattern") if isinstance(p, dict) else p for p in listed]
    if any(patterns):
        yield path, [p for p in patterns if isinstance(p, str) and p]
    for record in _records(one.get("type"), known):
        if id(record) not in within:  # a record may hold itself
            for name, field in _members(record.get("fields"), "name"):
                yield from _patterns(f"{path}/{name}", field, known, (*within, id(record)))


def _records(type_: Any, known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The records that a value of a type may be, or hold in arrays."""
    waiting, seen = [type_], set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            one = known.get(_short(one))
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict) and one.get("type") == "record":
            yield one
        elif isinstance(one, dict):
            waiting += [one.get("items"), one.get("type")]


def _short(name: str) -> str:
    """The name of a type without its document, and without the marks for arrays and for what may be missing."""
    return re.split(r"[#/]", re.sub(r"(\[\]|\?)+$", "", name))[-1]


def type_references(document: Any) -> Iterator[tuple[Any, Any]]:
    """Where a document names what stands in another: types (``types.yml#Name``), and
    the schemas of formats; each as what holds it, and its key there."""
    for one in nodes(document):
        for key in ("type", "items"):
            yield from _names(one, key)
        for key in _TYPED:
            members = one.get(key)
            if isinstance(members, dict):
                for name in members:
                    yield from _names(members, name)
        schemas = one.get("$schemas")
        for at, name in enumerate(schemas if isinstance(schemas, list) else ()):
            if isinstance(name, str) and "://" not in name:
                yield schemas, at


def _names(holder: dict[str, Any], key: str) -> Iterator[tuple[Any, Any]]:
    """The names of types in other documents: one, or some of a union."""
    value = holder.get(key)
    places: list[tuple[Any, Any]] = [(holder, key)]
    if isinstance(value, list):
        places = [(value, at) for at in range(len(value))]
    for held, at in places:
        name = held.get(at) if held is holder else held[at]
        if isinstance(name, str) and "#" in name[1:] and "://" not in name:
            yield held, at
