# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""References into S3 for the Arvados Python SDK.

`Collection` and `KeepClient` are those of ``arvados``, and also read
pseudo-blocks, which are byte ranges of fixed versions of S3 objects, and
import S3 objects by reference. `enable` teaches a whole program.
"""

from . import errors
from .collection import Collection, CollectionReader, import_from_s3
from .enabling import disable, enable, is_enabled
from .imports import File, Progress, Skipped, Source, Summary
from .keep import KeepClient
from .manifests import portable_data_hash

__all__ = [
    "Collection",
    "CollectionReader",
    "File",
    "KeepClient",
    "Progress",
    "Skipped",
    "Source",
    "Summary",
    "disable",
    "enable",
    "errors",
    "import_from_s3",
    "is_enabled",
    "portable_data_hash",
]

__version__ = "0.1.0"
