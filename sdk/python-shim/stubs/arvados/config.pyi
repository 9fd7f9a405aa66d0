# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

_settings: dict[str, str] | None

def get(key: str, default_val: str | None = ...) -> str | None: ...
def settings() -> dict[str, str]: ...
