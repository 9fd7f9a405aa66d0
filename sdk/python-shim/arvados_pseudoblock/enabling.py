# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Teaching a whole program about references into S3.

`enable` puts methods of ours into the stock classes, so that every KeepClient
and collection of the program, however it was made, reads pseudo-blocks.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import arvados.arvfile
import arvados.collection
import arvados.keep

from . import _blocks, _files, _recording
from .collection import Collection

__all__ = ["disable", "enable", "is_enabled", "seams"]


@dataclass(frozen=True)
class Seam:
    """One method of a stock class and what takes its place; ``stock`` is None
    for a method that the class does not have."""

    owner: type
    name: str
    ours: Any
    stock: Any


def _seam(owner: type, name: str, ours: Any) -> Seam:
    return Seam(owner, name, ours, owner.__dict__.get(name))


_SEAMS = (
    _seam(arvados.keep.KeepClient, "get", _blocks.get),
    _seam(arvados.keep.KeepClient, "head", _blocks.head),
    _seam(arvados.keep.KeepClient, "get_from_cache", _blocks.get_from_cache),
    _seam(arvados.keep.KeepClient, "block_prefetch", _blocks.block_prefetch),
    _seam(arvados.keep.KeepClient, "refresh_signature", _blocks.refresh_signature),
    _seam(arvados.keep.KeepClient, "stop_prefetch_threads", _blocks.stop_prefetch_threads),
    _seam(arvados.keep.KeepLocator, "__init__", _blocks.locator_init),
    _seam(arvados.arvfile.ArvadosFile, "readfrom", _files.readfrom),
    _seam(arvados.arvfile.ArvadosFile, "manifest_text", _files.file_manifest_text),
    _seam(arvados.arvfile.ArvadosFile, "__eq__", _files.same),
    _seam(arvados.arvfile.ArvadosFile, "__ne__", _files.differs),
    _seam(arvados.collection.RichCollectionBase, "_get_manifest_text", _files.tree_manifest_text),
    _seam(arvados.collection.CollectionBase, "stripped_manifest", _files.stripped_manifest),
    _seam(arvados.collection.Collection, "_unescape_manifest_path", _files.unescape_path),
    _seam(arvados.collection.Collection, "save", _recording.save),
    _seam(arvados.collection.Collection, "save_new", _recording.save_new),
    _seam(arvados.collection.Collection, "import_from_s3", Collection.import_from_s3),
)
_lock = threading.Lock()
_state = {"enabled": 0}  # how often, of which disable has not taken back


def seams() -> tuple[Seam, ...]:
    """All methods that `enable` replaces, in the stock classes as they were imported."""
    return _SEAMS


def is_enabled() -> bool:
    """Whether `enable` is in force."""
    return _state["enabled"] > 0


def enable() -> None:
    """From now on, all of this program's Keep clients and collections, also those
    already made, read references into S3, compare blocks by identity, and have
    ``Collection.import_from_s3``. Calls are counted: as many of `disable` take them
    back, so that a library may call both within a program that has called `enable`."""
    with _lock:
        for seam in _SEAMS:
            setattr(seam.owner, seam.name, seam.ours)
        _state["enabled"] += 1


def disable() -> None:
    """Takes one call of `enable` back. After the last the stock classes are as they
    were; without one, nothing happens."""
    with _lock:
        if _state["enabled"] == 1:
            for seam in _SEAMS:
                if seam.stock is None:
                    delattr(seam.owner, seam.name)
                else:
                    setattr(seam.owner, seam.name, seam.stock)
        _state["enabled"] = max(0, _state["enabled"] - 1)
