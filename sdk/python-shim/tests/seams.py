# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""The parts of the stock client that the shim replaces or uses, by version.

``python seams.py --write`` records those of the installed version. Do it after
you have read what changed: seams.json is the list of what was read.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import inspect
import json
import sys
import textwrap
from pathlib import Path
from typing import Any

import arvados.arvfile
import arvados.collection
import arvados.keep
import arvados.retry
from arvados._internal import streams
from arvados.api import ThreadSafeAPIClient

from arvados_pseudoblock.enabling import seams

RECORD = Path(__file__).with_name("seams.json")

_USED: dict[Any, str] = {
    arvados.keep.KeepClient: "__init__ weighted_service_roots current_timeout build_services_list "
    "get head get_from_cache block_prefetch refresh_signature stop_prefetch_threads _get_or_head",
    arvados.keep.KeepLocator: "__init__ __str__",
    arvados.arvfile.ArvadosFile: "__init__ readfrom manifest_text __eq__ __ne__ clone replace_contents add_segment "
    "segments _reparent _copy_remote_blocks",
    arvados.arvfile._BlockManager: "__init__ get_block_contents get_bufferblock is_bufferblock",
    arvados.collection.CollectionBase: "stripped_manifest",
    arvados.collection.RichCollectionBase: "__init__ find_or_create add diff apply _clonefrom _get_manifest_text "
    "manifest_text portable_manifest_text portable_data_hash set_committed _copy_remote_blocks",
    arvados.collection.Collection: "__init__ update save save_new clone _my_keep _my_api _my_block_manager "
    "_has_collection_uuid _has_local_collection_uuid _remember_api_response _import_manifest "
    "_unescape_manifest_path _populate",
    arvados.collection.CollectionReader: "__init__ writable",
    arvados.collection.Subcollection: "__init__ clone _get_manifest_text",
    ThreadSafeAPIClient: "__init__ __getattr__",
    arvados.retry.RetryLoop: "__init__ __next__ save_result success",
    arvados.retry: "check_http_response_success",
    streams: "locators_and_ranges Range",
}


def fingerprints() -> dict[str, str]:
    """A digest of the code of each part, comments and documentation left out."""
    return {
        f"{owner.__name__}.{name}": _digest(getattr(owner, name))
        for owner, names in _USED.items()
        for name in names.split()
    }


def _digest(part: Any) -> str:
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(part))))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and len(body) > 1 else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            del node.body[0]  # type: ignore[attr-defined]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()[:16]


def version() -> str:
    return importlib.metadata.version("arvados-python-client")


def replaced() -> set[str]:
    """Those that `enable` replaces."""
    return {f"{s.owner.__name__}.{s.name}" for s in seams() if s.stock is not None}


def main() -> None:
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    record[version()] = fingerprints()
    RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    main()
