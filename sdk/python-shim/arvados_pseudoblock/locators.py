# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Locators of pseudo-blocks: grammar, canonical URL, identity.

The rules are those of docs/locator.md of keepstore, and the sentences are the
same: an edited, padded or otherwise second spelling is refused.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from dataclasses import dataclass

from .errors import BadLocatorError, Error, UnpinnedError, UsageError

__all__ = [
    "EMPTY_BLOCK",
    "Block",
    "Locator",
    "S3Object",
    "identity",
    "is_pseudo_block",
    "parse",
    "parse_block",
    "parse_url",
]

EMPTY_BLOCK = "d41d8cd98f00b204e9800998ecf8427e+0"
"""The locator of the block of no bytes."""

OPAQUE_HASH = "f" * 32
MAX_LENGTH = 32 << 10
MAX_SIZE = 50 * 10**12
MAX_CONTENT = 64 << 20
MAX_ALTERNATIVES = 16
_MAX_INT = 2**63 - 1

_HASH = re.compile(r"[0-9a-f]{32}")
_DECIMAL = re.compile(r"0|[1-9][0-9]*")
_HINT = re.compile(r"[A-Z][A-Za-z0-9@_-]*")
_SIGNATURE = re.compile(r"A[0-9A-Fa-f]{40}@[0-9A-Fa-f]{8}")
_UNPADDED = re.compile(r"[A-Za-z0-9_-]+")


def _bad(text: str) -> BadLocatorError:
    return BadLocatorError(text, word="bad-locator", status=400)


def _quoted(text: str) -> str:
    return '"' + (text if len(text) <= 40 else text[:40] + "…") + '"'


@dataclass(frozen=True)
class Locator:
    """One parsed locator of any block. ``size`` is in bytes; ``refs`` holds the
    pairs of +B text and +C offset; ``others`` the hints without a meaning here."""

    hash: str
    size: int
    refs: tuple[tuple[str, int], ...] = ()
    verified: bool = False
    services: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    signature: str = ""

    def __str__(self) -> str:
        """The canonical text, the inverse of `parse`."""
        hints = [f"+B{b}+C{c}" for b, c in self.refs] + ["+Vmd5"] * self.verified
        hints += ["+" + h for h in (*self.services, *self.others)] + ["+" + self.signature] * bool(self.signature)
        return f"{self.hash}+{self.size}" + "".join(hints)

    def __repr__(self) -> str:
        """Without the signature, which is a secret."""
        return f"<Locator {self.unsigned()}>"

    def unsigned(self) -> str:
        """The text without permission signature, as it may be shown."""
        return str(Locator(self.hash, self.size, self.refs, self.verified, self.services, self.others))

    @property
    def identity(self) -> str:
        """32 hex digits that stand for the block wherever stock Arvados uses its hash."""
        if self.verified or len(self.refs) != 1:
            return self.hash
        return identity(self.size, *self.refs[0])

    @property
    def reduced(self) -> str:
        """identity+size, which takes the place of the block in a portable data hash."""
        return f"{self.identity}+{self.size}"


def identity(size: int, b: str, c: int) -> str:
    """The identity hash of a reference: 32 hex digits."""
    return hashlib.sha256(f"keep-pseudoblock-v1\n{size}+B{b}+C{c}".encode()).hexdigest()[:32]


def parse(text: str) -> Locator:
    """Reads one locator of any kind; raises `BadLocatorError`."""
    if len(text) > MAX_LENGTH:
        raise _bad(f"a locator of {len(text)} bytes is longer than the limit of {MAX_LENGTH}")
    hash_, plus, rest = text.partition("+")
    if not _HASH.fullmatch(hash_):
        raise _bad("a locator begins with 32 lower-case hexadecimal digits and a +")
    if not plus:
        raise _bad("the size is missing: a locator is a hash, a + and a size, and then hints")
    size_text, *hints = rest.split("+")
    size = _decimal(size_text)
    if size is None:
        # No more than the start is shown: without a size, it is a signature.
        raise _bad(f"the size {_quoted(size_text[:12])} is not a plain decimal number that fits 63 bits")
    return _with_hints(hash_, size, hints)


def _decimal(text: str) -> int | None:
    if not _DECIMAL.fullmatch(text) or len(text) > 19 or int(text) > _MAX_INT:
        return None
    return int(text)


def _with_hints(hash_: str, size: int, hints: list[str]) -> Locator:
    found: dict[str, list[str]] = {letter: [] for letter in "ABCVK"}
    others: list[str] = []
    for hint in hints:
        _check_hint(hint)
        found.get(hint[0], others).append(hint)
    if len(found["A"]) > 1:
        raise _bad("there are two +A hints")
    if found["V"] not in ([], ["Vmd5"]):
        raise _bad("a +V hint must be +Vmd5 and stand once")
    refs = _pairs(found["B"], found["C"], bool(found["V"]))
    return Locator(hash_, size, refs, bool(found["V"]), tuple(found["K"]), tuple(others), "".join(found["A"]))


def _check_hint(hint: str) -> None:
    if not hint:
        raise _bad("there is an empty hint: two + together, or one at the end")
    if hint[0] == "A" and not _SIGNATURE.fullmatch(hint):
        raise _bad("a +A hint must be 40 hexadecimal digits, @ and 8 hexadecimal digits")
    if _HINT.fullmatch(hint):
        return
    if hint[0] == "B":
        raise _not_base64()
    start = _quoted(hint[:12])
    raise _bad(f"the hint that begins with {start} is not an upper-case letter and then letters, digits, @, _ or -")


def _not_base64() -> BadLocatorError:
    return _bad("the text after +B is not base64url without padding")


def _pairs(bs: list[str], cs: list[str], verified: bool) -> tuple[tuple[str, int], ...]:
    if len(bs) != len(cs):
        raise _bad(f"there are {len(bs)} +B and {len(cs)} +C hints: each +B needs its +C")
    if len(bs) > 1 and not verified:
        raise _bad(f"there are {len(bs)} +B hints: only content form (+Vmd5) may name alternatives")
    if verified and not bs:
        raise _bad("+Vmd5 needs a +B and a +C hint")
    return tuple((_b_text(b[1:]), _offset(c[1:])) for b, c in zip(bs, cs, strict=True))


def _b_text(text: str) -> str:
    if not text:
        raise _bad("a +B hint is empty")
    return text


def _offset(text: str) -> int:
    offset = _decimal(text)
    if offset is None:
        raise _bad(f"the offset {_quoted(text)} after +C is not a plain decimal number that fits 63 bits")
    return offset


@dataclass(frozen=True)
class S3Object:
    """One fixed state of an S3 object: pinned by version id, or by ETag."""

    bucket: str
    key: str
    version_id: str = ""
    etag: str = ""

    @property
    def url(self) -> str:
        """The one canonical URL."""
        pin = f"versionId={_escape(self.version_id, b'')}" if self.version_id else f"etag={_escape(self.etag, b'')}"
        return f"s3://{self.bucket}/{_escape(self.key, b'/')}?{pin}"


_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def _escape(text: str, also: bytes) -> str:
    """Percent-encodes every byte outside A-Za-z0-9-._~ and those of ``also``."""
    raw = text.encode("utf-8", "surrogateescape")
    return "".join(chr(c) if c in _PLAIN or c in also else f"%{c:02X}" for c in raw)


def _unescape(text: str) -> str:
    """Decodes %XX; what is no UTF-8 stays as surrogates, for `_check_key` to find."""
    raw = re.sub(rb"%([0-9A-F]{2})", lambda m: bytes([int(m[1], 16)]), text.encode("utf-8", "surrogateescape"))
    return raw.decode("utf-8", "surrogateescape")


def parse_url(url: str) -> S3Object:
    """Reads a canonical URL ``s3://bucket/key?versionId=…`` and refuses every
    other spelling: `BadLocatorError`, or `UnpinnedError` without a version."""
    if not url.startswith("s3://"):
        raise _bad("an S3 URL begins with s3://, in lower case")
    path, _, query = url[5:].partition("?")
    bucket, slash, key = path.partition("/")
    if not slash:
        raise _bad("the S3 URL has no key: expected s3://bucket/key?versionId=…")
    obj = _with_pin(bucket, _unescape(key), query)
    _check_bucket(bucket)
    _check_key(obj.key)
    _check_pin(obj)
    if obj.url != url:
        where = f"s3://{bucket}/{key if len(key) <= 40 else key[:40] + '…'}"
        raise _bad(
            f'the S3 URL "{where}" is not in its one canonical spelling: percent-encode every byte of key and version '
            "outside A-Za-z0-9-._~ (and / in the key) in upper-case hex, and nothing else"
        )
    return obj


def _with_pin(bucket: str, key: str, query: str) -> S3Object:
    if "&" in query:
        raise _bad("the S3 URL has more than one parameter: only versionId is allowed")
    name, _, value = query.partition("=")
    if name == "versionId":
        return S3Object(bucket, key, version_id=_unescape(value))
    if name == "etag":
        return S3Object(bucket, key, etag=_unescape(value))
    if name:
        raise _bad(f"the S3 URL has the parameter {_quoted(name)}: only versionId is allowed")
    return S3Object(bucket, key)


_RESERVED_PREFIXES = ("xn--", "sthree-")
_RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", "--op-s3", "--x-s3", "--xa-s3", "--table-s3", ".mrap")


def _check_bucket(name: str) -> None:
    if "@" in name or ":" in name:  # may be user:password@host, so it is not shown
        raise _bad('the S3 URL must hold only a bucket name between "s3://" and "/": no user, port or ARN')
    shown = f"the bucket name {_quoted(name)}"
    if not 3 <= len(name) <= 63:
        raise _bad(f"{shown} must have 3 to 63 characters")
    if not re.fullmatch(r"[a-z0-9.-]+", name):
        raise _bad(f'{shown} may hold only a-z, 0-9, "." and "-"')
    if not re.fullmatch(r"[a-z0-9].*[a-z0-9]", name) or ".." in name:
        raise _bad(f'{shown} must begin and end with a letter or digit and hold no ".."')
    if name.count(".") == 3 and not name.strip("0123456789."):
        raise _bad(f"{shown} has the form of an IP address")
    for prefix in filter(name.startswith, _RESERVED_PREFIXES):
        raise _bad(f'{shown} begins with the reserved "{prefix}"')
    for suffix in filter(name.endswith, _RESERVED_SUFFIXES):
        raise _bad(f'{shown} ends with the reserved "{suffix}"')


def _check_key(key: str) -> None:
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        raise _bad("the S3 key is not UTF-8") from None
    if not key:
        raise _bad("the S3 key is empty")
    if length > 1024:
        raise _bad(f"the S3 key has {length} bytes, more than the 1024 that S3 allows")
    if "\0" in key:
        raise _bad("the S3 key holds a NUL character")


def _check_pin(obj: S3Object) -> None:
    pin = obj.version_id or obj.etag
    if not pin:
        raise _unpinned("the S3 URL names no version: enable versioning on the bucket and import again")
    if obj.version_id == "null":
        raise _unpinned('the version "null" can be overwritten: enable versioning on the bucket and import again')
    if len(pin) > 1024:
        raise _bad("the version in the S3 URL is longer than 1024 bytes")
    if not re.fullmatch(r"[!#-~]+", pin):
        raise _bad("the version in the S3 URL holds a character that no S3 version has")


def _unpinned(text: str) -> UnpinnedError:
    return UnpinnedError(text, word="unpinned", status=400)


@dataclass(frozen=True)
class Block:
    """What a pseudo-block locator names: ``size`` bytes from ``offset`` of
    ``obj``. ``form`` is opaque, derived or content; a block of content form
    may name ``alternatives``, of which ``obj`` and ``offset`` are the first."""

    locator: Locator
    form: str
    identity: str
    size: int
    obj: S3Object
    offset: int
    alternatives: tuple[tuple[S3Object, int], ...]


def is_pseudo_block(text: str) -> bool:
    """Whether a locator has the marks of a pseudo-block: a +B hint or the
    opaque hash. One that lost its hints still counts, so that the reader is
    told what happened to it."""
    return text.startswith(OPAQUE_HASH) or "+B" in text


@functools.lru_cache(maxsize=8192)
def parse_block(text: str) -> Block:
    """Reads the locator of a pseudo-block and refuses an edited one. Raises
    `BadLocatorError`, `UnpinnedError`, or `UsageError` where it is too large."""
    loc = parse(text)
    _check_hints(loc)
    form = _form(loc)
    found = tuple((_decode(b), _checked_offset(loc.size, c)) for b, c in loc.refs)
    if len(set(found)) != len(found):
        raise _bad("the block names one extent twice")
    return Block(loc, form, loc.identity, loc.size, *found[0], alternatives=found)


def _check_hints(loc: Locator) -> None:
    if not loc.refs and loc.hash != OPAQUE_HASH:
        raise _bad(f"{loc.hash}+{loc.size} is an ordinary block, not a reference into S3: it has no +B hint")
    if not loc.refs:
        raise _bad(
            "this block has lost its +B hint, for example in arv-copy or a stripped manifest: import the object again"
        )
    if len(loc.refs) > MAX_ALTERNATIVES:
        raise _bad(f"a block names at most {MAX_ALTERNATIVES} alternatives, not {len(loc.refs)}")
    if any(h.startswith("R") for h in loc.others):
        raise _bad("a pseudo-block cannot have a remote hint (+R)")


def _form(loc: Locator) -> str:
    if loc.verified and loc.hash == OPAQUE_HASH:
        raise _bad('a block of content form (+Vmd5) must carry the MD5 of its bytes, not 32 times "f"')
    if loc.verified and loc.size > MAX_CONTENT:
        raise _too_large(f"a block of content form has at most {MAX_CONTENT} bytes, not {loc.size}")
    if loc.verified:
        return "content"
    if loc.hash == OPAQUE_HASH:
        return "opaque"
    if loc.hash == loc.identity:
        return "derived"
    raise _bad(f"the hash {loc.hash} is not the identity of this reference: the locator was edited")


def _too_large(text: str) -> Error:
    return UsageError(text, word="too-large", status=413)


def _checked_offset(size: int, offset: int) -> int:
    if size <= 0:
        raise _bad(f"a pseudo-block must have at least one byte; the empty block is {EMPTY_BLOCK}")
    if size > MAX_SIZE:
        raise _too_large(f"a pseudo-block of {size} bytes is larger than the largest S3 object ({MAX_SIZE} bytes)")
    if offset + size > _MAX_INT:
        raise _bad(f"offset {offset} + size {size} does not fit 63 bits")
    return offset


def _decode(b: str) -> S3Object:
    if not _UNPADDED.fullmatch(b):
        raise _not_base64()
    try:
        raw = base64.urlsafe_b64decode(b + "=" * (-len(b) % 4))
    except ValueError:
        raise _not_base64() from None
    # A decoder passes stray bits; only the text that encodes back is the one spelling.
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != b:
        raise _not_base64()
    return parse_url(raw.decode("utf-8", "surrogateescape"))
