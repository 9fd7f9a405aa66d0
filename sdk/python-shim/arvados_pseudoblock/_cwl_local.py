# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""cwltool on this machine with inputs in Keep: a file is fetched when a tool needs it."""

from __future__ import annotations

import os
import shutil
import tempfile
import urllib.parse
from typing import Any

import cwltool.argparser
import cwltool.main
from arvados_cwl.fsaccess import CollectionCache, CollectionFetcher, CollectionFsAccess
from cwltool.command_line_tool import CommandLineTool
from cwltool.context import LoadingContext, RuntimeContext
from cwltool.pathmapper import MapperEnt, PathMapper
from cwltool.stdfsaccess import StdFsAccess
from cwltool.workflow import default_make_tool

from .errors import UsageError
from .keep import KeepClient

__all__ = ["run"]

_STEP = 8 << 20


class _Access(CollectionFsAccess):  # type: ignore[misc]
    """Files in Keep, and the local ones that tools write."""

    def glob(self, pattern: str) -> list[str]:
        found = super().glob(pattern) if pattern.startswith("keep:") else StdFsAccess.glob(self, pattern)
        return list(found)


class _Inputs:
    """Local copies of what tools read, in one folder."""

    def __init__(self, access: _Access, folder: str) -> None:
        self._access = access
        self._folder = os.path.abspath(folder)

    def local(self, location: str) -> str:
        """The path of a local copy of a file or directory in Keep."""
        target = os.path.normpath(os.path.join(self._folder, urllib.parse.unquote(location[len("keep:") :])))
        if not target.startswith(self._folder + os.sep):
            raise UsageError(f"{location} names no file of a collection")
        if self._access.isfile(location):
            self._fetch(location, target)
        else:
            os.makedirs(target, exist_ok=True)
            for inner in self._access.listdir(location):
                self.local(location + "/" + urllib.parse.quote(inner.rsplit("/", 1)[-1]))
        return target

    def _fetch(self, location: str, target: str) -> None:
        if os.path.exists(target):
            return
        os.makedirs(os.path.dirname(target), exist_ok=True)
        # Not beside the target, where another input may have any name.
        with (
            self._access.open(location, "rb") as source,
            tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as out,
        ):
            shutil.copyfileobj(source, out, _STEP)
        os.chmod(out.name, 0o644)  # as any file; the folder is the user's alone
        os.replace(out.name, target)


def _mapper_of(inputs: _Inputs) -> type[PathMapper]:
    class KeepPathMapper(PathMapper):  # type: ignore[misc]
        """Stages what is in Keep from local copies."""

        def visit(self, obj: Any, stagedir: str, basedir: str, copy: bool = False, staged: bool = False) -> None:
            location = obj["location"]
            if not location.startswith("keep:"):
                super().visit(obj, stagedir, basedir, copy, staged)
                return
            if location not in self._pathmap:
                target = os.path.join(obj.get("dirname") or stagedir, obj["basename"])
                kind = ("Writable" if copy else "") + obj["class"]
                self._pathmap[location] = MapperEnt(inputs.local(location), target, kind, staged)
                self.visitlisting(obj.get("secondaryFiles", []), stagedir, basedir, copy, staged)
                # What a directory lists is staged with it, and must be known too.
                self.visitlisting(obj.get("listing", []), target, basedir, copy, False)

    return KeepPathMapper


def run(args: list[str], api_client: Any, folder: str) -> int:
    """Runs cwltool with its arguments; ``folder`` takes the local copies. Returns its exit status."""
    options = cwltool.argparser.arg_parser().parse_args(args)
    cache = CollectionCache(api_client, KeepClient(api_client=api_client), 3)

    def access(basedir: str) -> _Access:
        return _Access(basedir, collection_cache=cache)

    mapper = _mapper_of(_Inputs(access(""), folder))

    class LocalTool(CommandLineTool):  # type: ignore[misc]
        @staticmethod
        def make_path_mapper(reffiles: Any, stagedir: str, context: Any, separate: bool) -> PathMapper:
            return mapper(reffiles, context.basedir, stagedir, separate)

    def make_tool(tool: Any, context: Any) -> Any:
        return LocalTool(tool, context) if tool.get("class") == "CommandLineTool" else default_make_tool(tool, context)

    loading = LoadingContext(vars(options))
    loading.construct_tool_object = make_tool
    loading.fetcher_constructor = lambda cache, session: CollectionFetcher(
        cache, session, api_client=api_client, fs_access=access("")
    )
    runtime = RuntimeContext(vars(options))
    runtime.make_fs_access = access
    runtime.path_mapper = mapper
    return int(cwltool.main.main(args=options, loadingContext=loading, runtimeContext=runtime))
