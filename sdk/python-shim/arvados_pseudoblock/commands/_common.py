# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""What both programs do alike: progress, errors, exit status."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

import arvados.errors

from .. import __version__
from .._interrupts import Terminated, terminable
from ..imports import Progress, Summary

OK, FAILED, PARTIAL, INTERRUPTED = 0, 1, 3, 130


def add_progress(parser: argparse.ArgumentParser) -> None:
    """The three flags of arv-put, and --version."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--progress",
        action="store_const",
        const="human",
        dest="progress",
        help="show counts while it runs (default on a terminal)",
    )
    group.add_argument(
        "--no-progress", action="store_const", const="none", dest="progress", help="show nothing while it runs"
    )
    group.add_argument(
        "--batch-progress",
        action="store_const",
        const="batch",
        dest="progress",
        help="print counts for programs, a line each time",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")


class Meter:
    """Shows how far an import is, on standard error."""

    def __init__(self, kind: str | None, name: str) -> None:
        self._kind = kind or ("human" if sys.stderr.isatty() else "none")
        self._name = name
        self._shown = False

    def __call__(self, progress: Progress) -> None:
        if self._kind == "batch":
            print(f"{self._name} {os.getpid()}: {progress.files} imported -1 total", file=sys.stderr, flush=True)
        elif self._kind == "human":
            self._shown = True
            text = f"\r{progress.files} files, {size(progress.bytes)}, {progress.skipped} left out "
            print(text, end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Ends the line under way."""
        if self._shown:
            print(file=sys.stderr)
            self._shown = False


def size(count: int) -> str:
    """A number of bytes for people."""
    value, unit = float(count), "bytes"
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{count} bytes" if unit == "bytes" else f"{value:.1f} {unit}"


def tell_left_out(name: str, summary: Summary) -> None:
    """Says what was left out and why, a line each and at most twenty."""
    for one in summary.skipped[:20]:
        print(f"{name}: left out {one.url}: {one.reason}: {one.text}", file=sys.stderr)
    if summary.skipped_by_reason:
        counts = ", ".join(f"{count} {reason}" for reason, count in sorted(summary.skipped_by_reason.items()))
        print(f"{name}: left out: {counts}", file=sys.stderr)


def tell_outlook(name: str, summary: Summary) -> None:
    """Says how long what was imported stays."""
    for text in summary.outlook:
        print(f"{name}: {text}", file=sys.stderr)


def guarded(name: str, work: Callable[[], int]) -> int:
    """Runs a program; an error becomes a sentence and an exit status."""
    try:
        with terminable():
            return work()
    except Terminated as end:
        print(f"\n{name}: ended by {end}", file=sys.stderr)
        return 128 + end.number
    except KeyboardInterrupt:
        print(f"\n{name}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (arvados.errors.KeepRequestError, arvados.errors.ApiError, OSError, ValueError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return FAILED
