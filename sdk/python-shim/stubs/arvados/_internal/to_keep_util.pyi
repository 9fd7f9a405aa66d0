# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

from typing import Any

def generic_check_cached_url(
    api: Any, downloader: Any, project_uuid: str | None, url: str, etags: dict[str, Any]
) -> Any: ...
