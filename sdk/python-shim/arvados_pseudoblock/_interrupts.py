# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Ctrl-C and SIGTERM, so that what a program stores is whole or not there."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

__all__ = ["Terminated", "put_off", "terminable"]


class Terminated(KeyboardInterrupt):
    """The program was told to end by SIGTERM or SIGHUP."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def _raise(number: int, frame: Any) -> None:
    raise Terminated(number)


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Lets SIGTERM and SIGHUP end the work in the block as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) == signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, _raise)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


class _Interrupts:
    """Those that came and wait."""

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._came: int | None = None

    def begin(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            handler = signal.getsignal(number)
            if callable(handler):
                self._before[number] = handler
                signal.signal(number, self._note)

    def end(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: Any) -> None:
        if self._came is not None:
            self._before[number](number, frame)
        self._came = number

    def check(self) -> None:
        """Lets an interrupt that came have its effect."""
        if self._came is not None:
            self._before[self._came](self._came, None)


@contextlib.contextmanager
def put_off() -> Iterator[_Interrupts]:
    """Puts interrupts off to the next `check`; one that comes after the last is
    too late, and has no effect. A second one does not wait."""
    interrupts = _Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    interrupts.begin()
    try:
        yield interrupts
    finally:
        interrupts.end()
