# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Job orders and workflows on disk: reading, finding what they refer to, writing
copies that can lie elsewhere."""

from __future__ import annotations

import json
import os
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .cwl import Rewriter, walk
from .errors import UsageError

__all__ = ["absolute", "load", "patterns_of", "rewrite_workflow"]

_REFERENCES = ("run", "$import", "$include", "$mixin")
_SCHEME = "://"


def load(path: str) -> Any:
    """A document, YAML or JSON, as plain dicts and lists."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    try:
        return json.loads(text)
    except ValueError:
        return _yaml(path, text)


def _yaml(path: str, text: str) -> Any:
    try:
        import ruamel.yaml
    except ImportError:
        raise UsageError(f"reading {path} needs ruamel.yaml: pip install arvados-pseudoblock[cwl]") from None
    try:
        return ruamel.yaml.YAML(typ="safe", pure=True).load(text)
    except ruamel.yaml.YAMLError as error:
        raise UsageError(f"{path} is neither JSON nor YAML: {error}") from None


def patterns_of(workflow: Any) -> dict[str, list[str]]:
    """The ``secondaryFiles`` patterns of the inputs of a workflow or tool, by input."""
    inputs = _main(workflow).get("inputs") or {}
    named = (
        inputs.items() if isinstance(inputs, dict) else ((i.get("id", ""), i) for i in inputs if isinstance(i, dict))
    )
    found = {}
    for name, one in named:
        wanted = one.get("secondaryFiles") if isinstance(one, dict) else None
        patterns = [p.get("pattern", "") if isinstance(p, dict) else p for p in _list(wanted)]
        if patterns:
            found[name.rpartition("/")[2].lstrip("#")] = [p for p in patterns if isinstance(p, str) and p]
    return found


def _main(workflow: Any) -> dict[str, Any]:
    """The process that is run: of a packed document that named main, or its only one."""
    graph = workflow.get("$graph") if isinstance(workflow, dict) else None
    if not graph:
        return workflow if isinstance(workflow, dict) else {}
    mains = [p for p in graph if str(p.get("id", "")).lstrip("#") == "main"]
    return dict((mains or graph)[0])


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def rewrite_workflow(path: str, rewriter: Rewriter, folder: str) -> str:
    """The path of the workflow, or of a copy in ``folder`` when it, or a tool that it
    runs, has inputs in S3 as defaults. Workflows that are not files stay."""
    if _SCHEME in path or not os.path.isfile(path.partition("#")[0]):
        return path
    file, hash_, fragment = path.partition("#")
    return _Copies(rewriter, folder).made(os.path.abspath(file)) + hash_ + fragment


class _Copies:
    """Copies of the documents that change, and of those that refer to them."""

    def __init__(self, rewriter: Rewriter, folder: str) -> None:
        self._rewriter = rewriter
        self._folder = folder
        self._made: dict[str, str] = {}

    def made(self, path: str) -> str:
        """The path to use in place of a document's."""
        if path not in self._made:
            self._made[path] = path  # a document that refers to itself ends here
            self._made[path] = self._copy(path)
        return self._made[path]

    def _copy(self, path: str) -> str:
        document = load(path)
        references = [(holder, key, *_target(path, holder[key])) for holder, key in _references(document)]
        changed = any(self.made(target) != target for _, _, target, _ in references if os.path.isfile(target))
        if not changed and not any(walk(document)):
            return path
        for holder, key, target, fragment in references:
            holder[key] = (
                Path(self.made(target) if os.path.isfile(target) and key == "run" else target).as_uri() + fragment
            )
        (document,) = self._rewriter.rewrite(absolute(document, path))
        copy = os.path.join(self._folder, f"{len(self._made)}-{os.path.basename(path)}")
        Path(copy).write_text(json.dumps(document, indent=1), encoding="utf-8")
        return copy


def absolute(document: Any, path: str) -> Any:
    """The document of a path, with File and Directory objects that can be found from anywhere."""
    for item in _local_files(document):
        plain = item.pop("path", None)  # a path is no URL, so nothing in it is percent-encoded
        where = urllib.parse.quote(plain) if plain else item["location"]
        item["location"] = Path(_target(os.path.abspath(path), where)[0]).as_uri()
    return document


def _references(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Where a document refers to other local documents."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if (
                key in _REFERENCES
                and isinstance(inner, str)
                and _SCHEME not in inner
                and not inner.startswith(("#", "keep:", "arvwf:"))
            ):
                yield value, key
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _target(path: str, reference: str) -> tuple[str, str]:
    """The file that a reference in a document means, and the fragment with its #."""
    file, hash_, fragment = reference.partition("#")
    return os.path.normpath(os.path.join(os.path.dirname(path), urllib.parse.unquote(file))), hash_ + fragment


def _local_files(value: Any) -> Iterator[dict[str, Any]]:
    """File and Directory objects with relative paths, which a copy elsewhere would lose."""
    if isinstance(value, dict):
        where = value.get("path") or value.get("location")
        if value.get("class") in ("File", "Directory") and isinstance(where, str) and ":" not in where:
            yield value
        for inner in value.values():
            yield from _local_files(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _local_files(inner)
