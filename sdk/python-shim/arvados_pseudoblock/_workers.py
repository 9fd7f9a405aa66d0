# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Background threads that end by themselves when there is nothing to do."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

__all__ = ["Workers"]

_IDLE = 5.0  # seconds


class Workers:
    """Runs tasks in daemon threads, in the order given."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tasks: deque[Callable[[], None]] = deque()
        self._threads = 0
        self._idle = 0
        self._stopping = False

    def submit(self, task: Callable[[], None], limit: int) -> bool:
        """Queues a task, which must not raise, for at most ``limit`` threads (at least
        one). False, and nothing is queued, when the system gives no thread to run it."""
        with self._changed:
            self._tasks.append(task)
            self._changed.notify()
            if len(self._tasks) > self._idle and self._threads < max(1, limit):
                try:
                    threading.Thread(target=self._work, name="pseudoblock-ahead", daemon=True).start()
                except RuntimeError:  # too many threads, or the program ends
                    if not self._threads:
                        self._tasks.pop()
                        return False
                else:
                    self._threads += 1
            return True

    def stop(self) -> None:
        """Waits until all tasks are done and the threads have ended."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            while self._threads:
                self._changed.wait()
            self._stopping = False

    def _work(self) -> None:
        while task := self._next():
            task()

    def _next(self) -> Callable[[], None] | None:
        """The next task, or None when the thread is to end."""
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._tasks or self._stopping, timeout=_IDLE)
            self._idle -= 1
            if self._tasks:
                return self._tasks.popleft()
            self._threads -= 1
            self._changed.notify_all()
            return None
