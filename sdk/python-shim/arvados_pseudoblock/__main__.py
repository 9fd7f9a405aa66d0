# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""``python -m arvados_pseudoblock run PROGRAM …``: any Arvados program in Python
(arv-get, arv-ls, arv-copy, arv-mount, arvados-cwl-runner, …), unchanged, that
reads references into S3."""

from __future__ import annotations

import importlib.metadata
import os
import runpy
import shutil
import sys

from .enabling import enable

_USAGE = "usage: python -m arvados_pseudoblock run PROGRAM [ARGUMENT …]"


def main(args: list[str]) -> int:
    """Runs the program of args[1] with the arguments after it; returns its exit status."""
    if len(args) < 2 or args[0] != "run":
        print(_USAGE + "\n\n" + (__doc__ or ""), file=sys.stderr)
        return 0 if args in (["-h"], ["--help"]) else 2
    return run(args[1], args[2:])


def run(program: str, args: list[str]) -> int:
    """Runs an installed program in this process, with pseudo-blocks enabled."""
    enable()
    sys.argv = [program, *args]
    for entry in importlib.metadata.entry_points(group="console_scripts"):
        if entry.name == program:
            return _status(entry.load()())
    path = (
        program
        if program.endswith(".py")
        else shutil.which(program, path=os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")]))
    )
    if path is None or not _is_python(path):
        print(f"arvados_pseudoblock: {program} is no program in Python that is installed here", file=sys.stderr)
        return 127
    sys.argv[0] = path
    sys.path[0] = os.path.dirname(os.path.abspath(path))  # as Python itself does for a script
    runpy.run_path(path, run_name="__main__")
    return 0


def _status(result: object) -> int:
    """As the script of an entry point takes it."""
    if result is None or isinstance(result, int):
        return int(result or 0)
    print(result, file=sys.stderr)
    return 1


def _is_python(path: str) -> bool:
    if path.endswith(".py"):
        return os.path.isfile(path)
    with open(path, "rb") as script:
        first = script.readline(200)
    return first.startswith(b"#!") and b"python" in first


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
