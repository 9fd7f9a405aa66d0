# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Usage: impatient.py PROGRAM ARGUMENT...: runs a program of the stock client that
does not wait between its tries, of which arv-mount makes five whatever --retries says."""

import runpy
import sys
import types

import arvados.retry

arvados.retry.time = types.SimpleNamespace(
    **{**vars(arvados.retry.time), "sleep": lambda seconds: None}
)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
