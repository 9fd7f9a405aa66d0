# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""One ranged read of one block: routes, retries, and what a reply must be."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import arvados.config
import arvados.errors
import arvados.keep
import arvados.retry
import arvados.util

from . import errors
from ._http import BrokenError, Reply, Transport
from .locators import Block

__all__ = ["SETTING", "Fetcher"]

SETTING = "ARVADOS_PSEUDOBLOCK_SERVICES"
"""Setting (environment or Arvados' settings file): URLs, separated by spaces, of
keepstores to ask first for references into S3. For places where the list of Keep
services is fixed, such as containers with ARVADOS_KEEP_SERVICES."""

AWARE = {"X-Keep-Pseudo-Blocks": "1"}
_logger = logging.getLogger("arvados.pseudoblock")


@dataclass
class _Try:
    """What the services said so far about one read."""

    answers: dict[str, errors.Error] = field(default_factory=dict)

    def over(self, root: str) -> bool:
        """Whether the service has given an answer for good."""
        answer = self.answers.get(root)
        return (
            answer is not None
            and answer.status != 0
            and arvados.retry.check_http_response_success(answer.status) is False
        )


class Range:
    """Takes the bytes of one range in order, over several replies if one breaks off."""

    def __init__(self, start: int, size: int, total: int, give: Callable[[bytes], None]) -> None:
        self.start, self.size, self.total = start, size, total
        self.taken = 0
        self._give = give
        self._checked: Reply | None = None

    @property
    def header(self) -> dict[str, str]:
        """The request header for what is missing, none for a whole block."""
        first = self.start + self.taken
        if first == 0 and self.size == self.total:
            return {}
        return {"Range": f"bytes={first}-{self.start + self.size - 1}"}

    def take(self, reply: Reply, data: bytes) -> None:
        if self._checked is not reply:
            self._check(reply)
            self._checked = reply
        if len(data) > self.size - self.taken:
            raise BrokenError("the service sent more bytes than were asked for")
        self._give(data)
        self.taken += len(data)

    def _check(self, reply: Reply) -> None:
        """Refuses a reply that is not exactly the range asked for: nothing else
        vouches for the bytes, which have no hash."""
        first = self.start + self.taken
        want = f"bytes {first}-{self.start + self.size - 1}/{self.total}" if self.header else None
        got = reply.headers
        if (
            reply.status != (206 if want else 200)
            or got.get("content-range") != want
            or got.get("content-length") != str(self.size - self.taken)
            or got.get("content-encoding", "identity") != "identity"
        ):
            raise BrokenError(f"the service did not send the range that was asked for (status {reply.status})")


class Fetcher:
    """Reads ranges of blocks for one KeepClient, with its token, list of services,
    timeouts and retries."""

    def __init__(self, client: arvados.keep.KeepClient) -> None:
        self._client = client
        self.transport = Transport(client.insecure)

    @property
    def token(self) -> str:
        return str(self._client.api_token)

    @property
    def num_retries(self) -> int:
        return int(getattr(self._client, "num_retries", 0))

    def read(self, block: Block, part: Range, num_retries: int | None = None, request_id: str | None = None) -> None:
        """Reads the range into ``part``; raises an `errors.Error`."""

        def ask(root: str, attempt: int, headers: dict[str, str]) -> Reply:
            reply = self._get(root, block, part, attempt, headers)
            if 200 <= reply.status < 300 and part.taken < part.size:
                raise BrokenError(f"the reply ended {part.size - part.taken} bytes early")
            return reply

        self._loop(block, ask, num_retries, request_id)

    def _get(self, root: str, block: Block, part: Range, attempt: int, headers: dict[str, str]) -> Reply:
        counter = self._client.download_counter
        before = part.taken
        try:
            return self.transport.request(
                "GET", root + str(block.locator), {**headers, **part.header}, self._timeouts(attempt), part.take
            )
        finally:
            counter.add(part.taken - before)

    def head(self, block: Block, num_retries: int | None = None, request_id: str | None = None) -> None:
        """Asks whether the block can be read now; raises an `errors.Error`."""

        def ask(root: str, attempt: int, headers: dict[str, str]) -> Reply:
            return self.transport.request("HEAD", root + str(block.locator), headers, self._timeouts(attempt))

        self._loop(block, ask, num_retries, request_id)

    def _loop(
        self,
        block: Block,
        ask: Callable[[str, int, dict[str, str]], Reply],
        num_retries: int | None,
        request_id: str | None,
    ) -> None:
        retries = self.num_retries if num_retries is None else num_retries
        tried = _Try()
        headers = {**self.headers(request_id), "Accept": "application/octet-stream"}
        loop = arvados.retry.RetryLoop(retries, _over, backoff_start=2)
        for left in loop:
            loop.save_result(self._round(tried, block, ask, retries - left, headers))
        if loop.success():
            return
        raise self.explain(block.locator.unsigned(), tried.answers, headers["X-Request-Id"])

    def _round(
        self,
        tried: _Try,
        block: Block,
        ask: Callable[[str, int, dict[str, str]], Reply],
        attempt: int,
        headers: dict[str, str],
    ) -> tuple[bool, int]:
        """Asks each service once; returns success and the number of services that may be asked again."""
        for refresh in (attempt > 0, True):
            try:
                roots = self.roots(block, refresh)
            except Exception as error:
                _logger.warning("the list of Keep services cannot be had: %s", error)
                return False, 1
            for root in roots:
                if tried.over(root) or (refresh and attempt == 0 and root in tried.answers):
                    continue
                answer = _ask(functools.partial(ask, root, attempt, headers))
                if answer is None:
                    return True, 1
                tried.answers[root] = answer
            if attempt > 0 or not all(map(tried.over, roots)):
                break  # else: the list may have been old; a service that is new on it is asked at once
        return False, sum(not tried.over(root) for root in roots)

    def headers(self, request_id: str | None = None) -> dict[str, str]:
        """Those of every request: the token, and that this client knows pseudo-blocks."""
        api = getattr(self._client, "api_client", None)
        made = request_id or (api and api.request_id) or arvados.util.new_request_id()
        return {"Authorization": f"Bearer {self.token}", "X-Request-Id": made, **AWARE}

    def _timeouts(self, attempt: int) -> tuple[float, ...]:
        return tuple(self._client.current_timeout(attempt))

    def roots(self, block: Block | None, refresh: bool = False) -> list[str]:
        """URLs of services in the order to ask: those of the setting, those that
        the locator hints at, then the others by weight of the identity."""
        locator = arvados.keep.KeepLocator("0" * 32 + "+0")
        if block:
            locator.md5sum = block.identity
            # Not +K@ and five characters: those would name a host of another cluster, which gets the token.
            locator.hints = [hint for hint in block.locator.services if len(hint) == 29]
        listed = self._client.weighted_service_roots(locator, force_rebuild=refresh)
        first = [url.rstrip("/") + "/" for url in (arvados.config.get(SETTING) or "").split()]
        return list(dict.fromkeys(first + list(listed)))

    @staticmethod
    def explain(what: str, answers: dict[str, errors.Error], request_id: str) -> errors.Error:
        """One error out of what all services said. A service that knows
        references into S3 says a word; its answer counts more than others'."""
        reports = [(root, _report(e)) for root, e in answers.items()]
        if not answers:
            return errors.UnavailableError(
                f"[{request_id}] no Keep services available for {what}", request_errors=reports
            )
        told = [e for e in answers.values() if e.word] or [
            e for e in answers.values() if e.status in (0, 500, 502, 503)
        ]
        best = told[0] if told else list(answers.values())[-1]
        return errors.from_word(best.word, f"[{request_id}] {what}: {best.sentence}", best.status, reports)


def _report(error: errors.Error) -> Exception:
    return arvados.errors.HttpError(error.status, error.word or error.sentence)


def _over(result: tuple[bool, int]) -> bool | None:
    success, left = result
    return True if success else (None if left else False)


def _ask(send: Callable[[], Reply]) -> errors.Error | None:
    """None for success, else what went wrong."""
    try:
        reply = send()
    except BrokenError as failure:
        return errors.UnavailableError(str(failure))
    if 200 <= reply.status < 300:
        return None
    return errors.from_reply(reply.status, reply.headers.get("x-keep-error", ""), bytes(reply.body))


def cut(start: int, size: int, unit: int, total: int) -> Iterator[tuple[int, int]]:
    """Offset and length of the parts of ``unit`` bytes that hold the range."""
    first = start - start % unit
    for offset in range(first, min(start + size, total), unit):
        yield offset, min(unit, total - offset)
