# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""The vectors and the document that all implementations share."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import Any

import pytest
from conftest import REPOSITORY, VECTORS

from arvados_pseudoblock import errors, portable_data_hash
from arvados_pseudoblock.locators import is_pseudo_block, parse, parse_block, parse_url

DOCUMENT = (REPOSITORY / "docs" / "locator.md").read_text()


def vectors(name: str, fields: set[str]) -> list[dict[str, Any]]:
    """The vectors of a file. A field that this program does not know fails."""
    found = json.loads((VECTORS / name).read_text())["vectors"]
    assert found and all(set(v) <= fields for v in found)
    return list(found)


def rows(heading: str) -> list[list[str]]:
    section = DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    assert found
    return [[cell.strip("`") for cell in row] for row in found]


def test_identities() -> None:
    known = {"bucket", "key", "pin", "version", "offset", "size", "url", "reference", "identity", "opaque", "derived"}
    for v in vectors("identities.json", known):
        obj = parse_url(v["url"])
        pin = obj.version_id if v["pin"] == "versionId" else obj.etag
        assert (obj.bucket, obj.key, pin, obj.url) == (v["bucket"], v["key"], v["version"], v["url"])
        for form in ("opaque", "derived"):
            block = parse_block(v[form])
            assert (block.form, block.identity, block.obj) == (form, v["identity"], obj)
            assert (block.offset, block.size, str(block.locator)) == (v["offset"], v["size"], v[form])


def test_locators() -> None:
    """What blockdigest of Arvados reads and what this reads differ only where the document says."""
    documented = re.compile(r"([0-9a-f]{32})\+([0-9]+)(\+[A-Z][-A-Za-z0-9@_]*)*")
    accepted = 0
    for v in vectors("locators.json", {"locator", "documented", "size"}):
        assert bool(documented.fullmatch(v["locator"])) == v["documented"]
        try:
            parsed = parse(v["locator"])
        except errors.BadLocatorError:
            continue
        accepted += 1
        assert v["documented"] and parsed.size == v["size"] and parse(str(parsed)) == parsed
    assert accepted > 10


def test_manifests() -> None:
    for v in vectors("manifests.json", {"name", "text", "pdh", "files", "bytes"}):
        blocks = list(re.findall(r"(?<= )[0-9a-f]{32}\+\S+", v["text"]))
        if not any(is_pseudo_block(t) for t in blocks):
            assert portable_data_hash(v["text"]) == v["pdh"], v["name"]
        elif any("+B" in t for t in blocks):
            # The hash of Arvados does not see +B and +C: ours must differ.
            assert portable_data_hash(v["text"]) != v["pdh"], v["name"]


def test_signatures() -> None:
    """Where the vectors say that a signature is right, it is one over the identity."""
    known = {"name", "unsigned", "signed", "token", "key", "ttl_seconds", "expiry", "stock"}
    checked = 0
    for v in vectors("signatures.json", known):
        if v["stock"] != "ok" or is_pseudo_block(v["unsigned"]) or "+" not in v["unsigned"]:
            continue  # an opaque locator is signed otherwise; Arvados also signs a hash without size
        mac, _, expiry = parse(v["signed"]).signature[1:].partition("@")
        message = f"{parse(v['signed']).identity}@{v['token']}@{expiry}@{v['ttl_seconds']:x}"
        assert mac == hmac.new(v["key"].encode(), message.encode(), hashlib.sha1).hexdigest(), v["name"]
        checked += 1
    assert checked > 2


@pytest.mark.parametrize("row", rows("Bad examples"), ids=lambda row: row[0][:60])
def test_bad_examples(row: list[str]) -> None:
    """Word and sentence of the document, for each bad example."""
    text, word, sentence = row
    with pytest.raises(errors.Error) as caught:
        parse_url(text) if "//" in text else parse_block(text)
    assert (caught.value.word, caught.value.sentence) == (word, sentence)


@pytest.mark.parametrize("row", rows("Where this is stricter than Arvados"), ids=lambda row: row[0][:60])
def test_stricter(row: list[str]) -> None:
    with pytest.raises(errors.BadLocatorError):
        parse(row[0])


def test_worked_example() -> None:
    cells = {
        row[0]: row[1] for row in (line.strip("| ").split(" | ") for line in DOCUMENT.splitlines()) if len(row) == 2
    }
    opaque, derived, content = (
        parse_block(cells[f"{form} form"].strip("`")) for form in ("opaque", "derived", "content")
    )
    assert opaque.identity == derived.identity == cells["identity hash"].strip("`")
    assert opaque.obj.url == cells["URL"].strip("`") and opaque.locator.reduced == derived.locator.reduced
    assert (content.form, content.identity) == ("content", content.locator.hash)


def test_signature_is_not_shown() -> None:
    signed = parse("acbd18db4cc2f85cedef654fccc4a4d8+3+A" + "ab" * 20 + "@7fffffff")
    assert "abab" in str(signed) and "abab" not in repr(signed) and "abab" not in signed.unsigned()


def test_words() -> None:
    """Each word of docs/errors.md has a type that fits its status."""
    text = (REPOSITORY / "docs" / "errors.md").read_text()
    found = re.findall(r"^\| `([a-z0-9-]+)` \| (\d+) \|", text, re.M)
    assert len(found) > 40
    for word, status in found:
        error = errors.from_word(word, "text", int(status))
        if status in ("502", "503", "504", "408"):
            assert isinstance(error, (errors.UnavailableError, errors.ChangedError)), word
        if status in ("401", "403", "404"):
            wanted = (errors.TokenError, errors.SignatureError, errors.DeniedError, errors.NotFoundError)
            assert isinstance(error, wanted), word
        # An import tells words without status: then only the word decides.
        if re.match(
            "s3-|creds-|api-|unpinned|bucket|scope|sts|wrong-region|overl|internal|deadline|clock|bad-re|user-", word
        ):
            assert type(errors.from_word(word, "text")) is type(error) is not errors.Error, word
