# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""What can go wrong, as types.

Each error has a ``word``, which never changes its meaning (docs/errors.md of
keepstore lists them all), and the server's sentence as its text. All are
``arvados.errors.KeepReadError``, so code that catches what the stock client
raises catches these as well.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable

import arvados.errors

__all__ = [
    "ArchivedError",
    "BadLocatorError",
    "ChangedError",
    "DeniedError",
    "Error",
    "IncompleteError",
    "NoServerError",
    "NotFoundError",
    "SignatureError",
    "TokenError",
    "UnavailableError",
    "UnpinnedError",
    "UsageError",
]


class Error(arvados.errors.KeepReadError):
    """Any failure to read or import a reference into S3.

    ``word``: the kind, such as ``s3-not-found``; ``status``: the HTTP status,
    0 when there was no answer; ``sentence``: what failed and what to do.
    """

    def __init__(
        self, sentence: str, *, word: str = "", status: int = 0, request_errors: Iterable[tuple[str, Exception]] = ()
    ) -> None:
        super().__init__(f"{word}: {sentence}" if word else sentence, request_errors, label="service")
        self.word = word
        self.status = status
        self.sentence = sentence


class BadLocatorError(Error, ValueError):
    """The locator is not in its one canonical form, was edited, or lost its hints."""


class UnpinnedError(Error):
    """The object has no fixed version: its bucket has no versions."""


class NotFoundError(Error, arvados.errors.NotFoundError):
    """The object, its version, or its bucket is not there."""


class DeniedError(Error, arvados.errors.NotFoundError):
    """S3, an access rule, or the API server does not let you. The stock client
    counts status 403 as not found, so this is that too."""


class TokenError(Error):
    """The token is missing, unknown or expired."""


class SignatureError(Error):
    """The permission signature is missing, wrong, or expired: load the collection again."""


class ArchivedError(Error):
    """The object must be restored in S3 before it can be read."""


class ChangedError(Error):
    """The object is no longer what was imported."""


class UnavailableError(Error):
    """No usable answer, after all retries. Trying again later may help."""


class IncompleteError(Error):
    """An import ended before its last line; nothing of it was used."""


class NoServerError(Error):
    """No Keep service of the cluster imports from S3."""


class UsageError(Error, arvados.errors.ArgumentError):
    """What was asked for cannot be done; the sentence says why."""


_WORDS: dict[type[Error], str] = {
    BadLocatorError: "bad-locator past-end wrong-size",
    UnpinnedError: "unpinned",
    SignatureError: "bad-signature signature-expired not-vouched",
    TokenError: "no-token token-refused bad-token",
    ArchivedError: "s3-archived",
    ChangedError: "s3-changed content-unavailable",
    UsageError: "bad-request bad-resume-token too-large bad-range",
    NotFoundError: "s3-not-found s3-no-bucket not-stored block-not-found no-route",
    DeniedError: "bucket-not-allowed scope-needed user-inactive api-denied creds-missing creds-expired creds-ambiguous "
    "sts-refused s3-denied wrong-region s3-ssec",
    UnavailableError: "s3-bad-reply s3-slow-down s3-unreachable api-unavailable clock-skew creds-unavailable "
    "rules-changed corrupt-block volume-error overloaded internal deadline",
}
_BY_WORD = {word: kind for kind, words in _WORDS.items() for word in words.split()}
_BY_STATUS: dict[int, type[Error]] = {
    400: UsageError,
    401: TokenError,
    403: DeniedError,
    404: NotFoundError,
    410: NotFoundError,
}


def from_word(word: str, sentence: str, status: int = 0, request_errors: Iterable[tuple[str, Exception]] = ()) -> Error:
    """The error that stands for a word of the server; the status decides where the word is new."""
    kind = _BY_WORD.get(word) or _BY_STATUS.get(status)
    if kind is None:
        passing = status >= 500 or status in (408, 429) or (status == 0 and not word)
        kind = UnavailableError if passing else Error
    return kind(sentence, word=word, status=status, request_errors=request_errors)


def from_reply(status: int, word: str, body: bytes, request_errors: Iterable[tuple[str, Exception]] = ()) -> Error:
    """The error that a reply of a Keep service tells: its header ``X-Keep-Error`` and its body."""
    return from_word(word, _sentence(status, word, body), status, request_errors)


def _sentence(status: int, word: str, body: bytes) -> str:
    text = body[:4000].decode("utf-8", "replace").strip()
    if text.startswith("{"):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            text = "; ".join(str(e) for e in json.loads(text)["errors"])
    if word and text.startswith(word + ":"):
        text = text[len(word) + 1 :].strip()
    text = re.sub(r"[\x00-\x1f\x7f]+", " ", text)
    return text or f"the service answered with status {status}"


def gave_up(error: Exception) -> Error:
    """The error of an import that broke off too often."""
    if isinstance(error, Error):
        return error
    return IncompleteError(f"the import is not complete, and nothing of it is used: {error}")
