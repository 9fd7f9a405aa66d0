# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Private parts of the stock client may change with any version. These tests say which did."""

from __future__ import annotations

import json
import re
from pathlib import Path

import seams

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def test_this_version_was_read() -> None:
    record = json.loads(seams.RECORD.read_text())
    assert seams.version() in record, (
        f"arvados-python-client {seams.version()} has never been looked at: run the tests, compare the parts that "
        f"tests/seams.py lists with those of {max(record)}, and record them with python tests/seams.py --write"
    )


def test_nothing_changed() -> None:
    known = json.loads(seams.RECORD.read_text()).get(seams.version(), {})
    found = seams.fingerprints()
    changed = sorted(name for name in found | known if found.get(name) != known.get(name))
    assert not changed, (
        f"arvados-python-client {seams.version()} has other code than was read, in: {', '.join(changed)}"
    )


def test_what_is_replaced_is_recorded() -> None:
    assert seams.replaced() <= set(seams.fingerprints())


def test_supported_versions_are_those_tested() -> None:
    record = json.loads(seams.RECORD.read_text())
    lowest = re.search(r'"arvados-python-client>=([0-9.]+)', PYPROJECT.read_text())
    assert lowest and lowest[1] == min(record) and len(record) >= 2
