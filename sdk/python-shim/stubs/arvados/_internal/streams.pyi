# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

from typing import Any

class Range:
    locator: str
    range_start: int
    range_size: int
    segment_offset: int
    def __init__(self, locator: str, range_start: int, range_size: int, segment_offset: int = ...) -> None: ...

class LocatorAndRange:
    locator: str
    block_size: int
    segment_offset: int
    segment_size: int

def locators_and_ranges(
    data_locators: list[Any], range_start: int, range_size: int, limit: int | None = ...
) -> list[LocatorAndRange]: ...
