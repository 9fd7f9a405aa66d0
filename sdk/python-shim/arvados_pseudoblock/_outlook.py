# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""How long imported versions stay, as the last line of an import tells."""

from __future__ import annotations

from typing import Any

_Entries = tuple[dict[str, Any], ...]


def of(line: dict[str, Any]) -> dict[str, _Entries]:
    """The two lists of a line; empty where a server does not tell them."""
    return {name: tuple(line.get(name) or ()) for name in ("lifecycle", "object_lock")}


def sentences(summary: Any) -> list[str]:
    """Sentences about how long the imported versions stay; none where no rule removes anything."""
    told = []
    for one in summary.lifecycle:
        url = one.get("url")
        if not one.get("known"):
            told.append(f"{url}: it is not known whether lifecycle rules remove versions: {one.get('text')}")
        if one.get("hidden"):
            told.append(f"{url}: {one['hidden']} lifecycle rules are for keys that you may not be told of")
        told.extend(str(rule.get("text")) for rule in one.get("rules") or ())
    return told + [str(one["text"]) for one in summary.object_lock if one.get("known") and one.get("text")]
