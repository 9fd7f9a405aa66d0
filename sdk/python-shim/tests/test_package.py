# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""What is installed: its names, its dependencies, and that README is true."""

from __future__ import annotations

import importlib.metadata
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Bucket, document

import arvados_pseudoblock as pb

PACKAGE = Path(__file__).parents[1]
README = (PACKAGE / "README.md").read_text()

PUBLIC = """\
Collection (manifest_locator_or_text, api_client, keep_client, *args, **kwargs)
Collection.clone (self, new_parent, new_name, readonly, new_config)
Collection.import_from_s3 (self, url_or_urls, path, *, include, exclude, as_of, form, progress, include_regexp, exclude_regexp)
Collection.portable_data_hash (self)
Collection.save (self, *args, **kwargs)
Collection.save_new (self, name, create_collection_record, owner_uuid, properties, *args, **kwargs)
Collection.save_parts (self, name, owner_uuid, properties, ensure_unique_name, num_retries)
Collection.update (self, other, num_retries)
CollectionReader (manifest_locator_or_text, *args, **kwargs)
File (path, url, size, locator, version_id, etag, last_modified, storage_class, archived, weak_pin)
KeepClient (*args, part_cache_size, **kwargs)
KeepClient.block_prefetch (self, locator)
KeepClient.get (self, loc_s, num_retries, request_id, headers, prefetch)
KeepClient.get_from_cache (self, loc_s)
KeepClient.head (self, loc_s, num_retries, **kwargs)
KeepClient.read_range (self, locator, start, size, num_retries)
KeepClient.refresh_signature (self, loc)
KeepClient.stop_prefetch_threads (self)
Progress (listed, files, bytes, skipped, archived, weak_pins, bytes_read)
Skipped (url, reason, text)
Source (url, path, include, exclude, as_of, bucket, key, include_regexp, exclude_regexp)
Source.to_json (self)
Summary (files, bytes, listed, status, portable_data_hash, archived, weak_pins, skipped_by_reason, skipped, requests, lifecycle, object_lock)
disable ()
enable ()
import_from_s3 (url_or_urls, path, *, api_client, include, exclude, as_of, form, progress, include_regexp, exclude_regexp)
is_enabled ()
portable_data_hash (text)
"""  # noqa: E501 - a line is a signature


def _signature(of: Any) -> str:
    parameters = inspect.signature(of).parameters.values()
    marks: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    names, starred = [], False
    for p in parameters:
        if p.kind is p.KEYWORD_ONLY and not starred:
            names.append("*")
        starred = starred or p.kind in (p.KEYWORD_ONLY, p.VAR_POSITIONAL)
        names.append(marks.get(p.kind, "") + p.name)
    return f"({', '.join(names)})"


def test_public_names() -> None:
    """A change of this list is a change for users: it goes into CHANGELOG.md."""
    found = []
    for name in pb.__all__:
        part = getattr(pb, name)
        if inspect.ismodule(part):
            continue
        found.append(f"{name} {_signature(part)}")
        methods = vars(part).items() if inspect.isclass(part) else ()
        found += [f"{name}.{n} {_signature(m)}" for n, m in methods if inspect.isfunction(m) and not n.startswith("_")]
        assert inspect.getdoc(part), name
    assert sorted(found) == PUBLIC.splitlines()


def test_error_names() -> None:
    kinds = {n for n, e in vars(pb.errors).items() if inspect.isclass(e) and issubclass(e, pb.errors.Error)}
    assert kinds == set(pb.errors.__all__)
    assert all(f"`{n}`" in README for n in kinds - {"Error"})


def test_no_boto3() -> None:
    """Not among the dependencies, and not imported when everything else is."""
    needed = importlib.metadata.requires("arvados-pseudoblock") or []
    assert [re.split(r"[ <>=;]", n)[0] for n in needed] == ["arvados-python-client", "arvados-cwl-runner"]
    program = (
        "import sys; sys.modules['boto3'] = sys.modules['botocore'] = None\n"
        "import pkgutil, importlib, arvados_pseudoblock\n"
        "for m in pkgutil.walk_packages(arvados_pseudoblock.__path__, 'arvados_pseudoblock.'):\n"
        "    if not m.name.endswith(('__main__', '_cwl_local')): importlib.import_module(m.name)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_what_is_installed_is_tested() -> None:
    where = Path(inspect.getfile(pb)).parent
    assert where.parent == Path(os.environ["TEST_INSTALLED_IN"]) and (where / "py.typed").exists()
    scripts = importlib.metadata.entry_points(group="console_scripts", name="arv-import-s3")
    assert {e.value for e in scripts} == {"arvados_pseudoblock.commands.import_s3:main"}
    assert importlib.metadata.version("arvados-pseudoblock") == pb.__version__


def _examples() -> dict[str, tuple[str, str]]:
    found = re.findall(r"<!-- example: (.*?) -->\n```(\w+)\n(.*?)```", README, re.S)
    assert len(found) == README.count("```") // 2
    return {name: (language, text) for name, language, text in found}


def _run(name: str, bucket: Bucket, api: Any, folder: Path) -> str:
    """Runs an example of README as it is printed, but for the names of bucket and prefix."""
    language, text = _examples()[name]
    text = text.replace("s3://bucket/prefix/", bucket.url("p/")).replace("s3://bucket/", bucket.url())
    path = Path(document(folder / f"example.{language}", text))
    command = [sys.executable, str(path)] if language == "python" else ["sh", "-e", str(path)]
    scripts = str(Path(os.environ["TEST_INSTALLED_IN"]) / "bin")
    environment = {**os.environ, "ARVADOS_API_TOKEN": api.api_token, "PATH": scripts + ":" + os.environ["PATH"]}
    result = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture
def example(bucket: Bucket) -> Bucket:
    for key in ("p/reads/one.txt", "p/x.log", "other.txt"):
        bucket.put(key, key.encode())
    return bucket


def test_quick_start(example: Bucket, api: Any, tmp_path: Path) -> None:
    assert _run("quick start", example, api, tmp_path) == "p/reads/one.txt\n"


def test_shell(example: Bucket, api: Any, tmp_path: Path) -> None:
    assert re.fullmatch(r"\w{5}-4zz18-\w{15}\nnothing was there then\n", _run("shell", example, api, tmp_path))


def test_collections(example: Bucket, api: Any, tmp_path: Path) -> None:
    out = _run("collections", example, api, tmp_path).splitlines()
    assert out == ["2 files", "complete 2 24 {'excluded': 1}", "s3-not-found"]


def test_whole_programs(example: Bucket, api: Any, tmp_path: Path) -> None:
    assert _run("whole programs", example, api, tmp_path) == ""
