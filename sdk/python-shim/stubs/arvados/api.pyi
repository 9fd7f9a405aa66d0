# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

from typing import Any

class ThreadSafeAPIClient:
    keep: Any
    api_token: str
    request_id: str | None
    def __init__(
        self, apiconfig: Any = ..., keep_params: Any = ..., api_params: Any = ..., version: str | None = ...
    ) -> None: ...
    def __getattr__(self, name: str) -> Any: ...
