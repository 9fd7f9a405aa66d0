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

from ._cwl_types import inputs, patterns_of, processes, type_references
from .cwl import Rewriter, nodes, walk
from .errors import UsageError

__all__ = ["absolute", "as_json", "inlined", "load", "rewrite_workflow", "wanted_by"]

_REFERENCES = ("run", "$import", "$include", "$mixin")
_SCHEME = "://"


def load(path: str) -> Any:
    """A document, YAML or JSON, as plain dicts and lists."""
    text = _text(path)
    try:
        return json.loads(text)
    except ValueError:
        return _yaml(path, text)
    except RecursionError:
        raise UsageError(f"{path} is nested too deeply") from None


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no text in UTF-8") from None


def _yaml(path: str, text: str) -> Any:
    try:
        import ruamel.yaml
    except ImportError:
        raise UsageError(f"reading {path} needs ruamel.yaml: pip install arvados-pseudoblock[cwl]") from None

    class Constructor(ruamel.yaml.constructor.SafeConstructor):  # type: ignore[misc]
        """Leaves dates as they are written, as runners do: JSON has none."""

    Constructor.add_constructor("tag:yaml.org,2002:timestamp", Constructor.construct_yaml_str)
    yaml = ruamel.yaml.YAML(typ="safe", pure=True)
    yaml.Constructor = Constructor
    try:
        return yaml.load(text)
    except ruamel.yaml.YAMLError as error:
        raise UsageError(f"{path} is neither JSON nor YAML: {error}") from None
    except RecursionError:
        raise UsageError(f"{path} is nested too deeply") from None


def as_json(document: Any, path: str) -> str:
    """The text of a document."""
    try:
        return json.dumps(document, indent=1, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} holds what JSON cannot: {error}") from None


def wanted_by(path: str, name: str = "main") -> dict[str, list[str]]:
    """The ``secondaryFiles`` patterns of a workflow or tool in a file: see `patterns_of`."""
    return patterns_of(_whole(path), name)


def _whole(path: str) -> Any:
    """A document with what it imports. One whose parts are missing as it is: the runner tells."""
    document = load(path)
    try:
        return inlined(document, path)
    except UsageError:
        return document


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
        # What is included is text, not a document; and "run" may be the name of an input.
        references = [r for r in references if os.path.isfile(r[2])]
        made = {target: self.made(target) for _, key, target, _ in references if key != "$include"}
        if all(copy == target for target, copy in made.items()) and not any(walk(document)):
            return path
        for holder, key, target, fragment in references:
            holder[key] = Path(made.get(target, target)).as_uri() + fragment
        for holder, key in list(type_references(document)):
            target, fragment = _target(path, holder[key])
            if os.path.isfile(target):
                holder[key] = Path(made.get(target, target)).as_uri() + fragment
        whole = _whole(path)
        for process in processes(whole):
            defaults = {name: one.get("default") for name, one in inputs(process)}
            patterns = patterns_of(whole, str(process.get("id", "")).lstrip("#"))
            self._rewriter.rewrite(defaults, patterns=patterns)
        (document,) = self._rewriter.rewrite(absolute(document, path))
        copy = os.path.join(self._folder, f"{len(self._made)}-{os.path.basename(path)}")
        Path(copy).write_text(as_json(document, path), encoding="utf-8")
        return copy


def inlined(document: Any, path: str) -> Any:
    """A job order with what it imports and includes in the places of the references."""
    try:
        return _inlined(document, path, ())
    except RecursionError:
        raise UsageError(f"{path} is nested too deeply, or holds itself") from None


def _inlined(document: Any, path: str, within: tuple[str, ...]) -> Any:
    if isinstance(document, list):
        return [_inlined(one, path, within) for one in document]
    if not isinstance(document, dict):
        return document
    ((key, reference), *more) = document.items() or [("", None)]
    if more or key not in ("$import", "$include") or not isinstance(reference, str) or _SCHEME in reference:
        return {name: _inlined(one, path, within) for name, one in document.items()}
    target = _target(os.path.abspath(path), reference)[0]
    if target in within:
        raise UsageError(f"{path} imports itself")
    if key == "$include":
        return _text(target)
    return _inlined(absolute(load(target), target), target, (*within, target))


def absolute(document: Any, path: str) -> Any:
    """The document of a path, with File and Directory objects that can be found from anywhere."""
    for item in _local_files(document):
        plain = item.pop("path", None)  # a path is no URL, so nothing in it is percent-encoded
        where = urllib.parse.quote(plain) if plain else item["location"]
        item["location"] = Path(_target(os.path.abspath(path), where)[0]).as_uri()
    return document


def _references(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Where a document refers to other local documents."""
    for one in nodes(value):
        for key in _REFERENCES:
            found = one.get(key)
            if isinstance(found, str) and _SCHEME not in found and not found.startswith(("#", "keep:", "arvwf:")):
                yield one, key


def _target(path: str, reference: str) -> tuple[str, str]:
    """The file that a reference in a document means, and the fragment with its #."""
    file, hash_, fragment = reference.partition("#")
    return os.path.normpath(os.path.join(os.path.dirname(path), urllib.parse.unquote(file))), hash_ + fragment


def _local_files(value: Any) -> Iterator[dict[str, Any]]:
    """File and Directory objects with relative paths, which a copy elsewhere would lose."""
    for one in nodes(value):
        where = one.get("path") or one.get("location")
        if one.get("class") in ("File", "Directory") and isinstance(where, str) and ":" not in where:
            yield one
