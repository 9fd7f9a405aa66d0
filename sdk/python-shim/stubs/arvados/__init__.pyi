# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""The parts of arvados-python-client that the shim uses, with their types."""

from typing import Any

from . import arvfile as arvfile
from . import collection as collection
from . import config as config
from . import errors as errors
from . import keep as keep
from . import retry as retry
from . import util as util

def api(version: str | None = ..., **kwargs: Any) -> Any: ...
def __getattr__(name: str) -> Any: ...
