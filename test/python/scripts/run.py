# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Runs one module of tests and prints a JSON object about it."""

import importlib.metadata
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def main(name):
    suite = unittest.defaultTestLoader.loadTestsFromName(name)
    result = unittest.TextTestRunner(stream=sys.stderr, verbosity=2).run(suite)
    failures = ["%s\n%s" % (test, text) for test, text in result.failures + result.errors]
    json.dump({
        "client": importlib.metadata.version("arvados-python-client"),
        "run": result.testsRun,
        "skipped": len(result.skipped) + len(result.expectedFailures),
        "failures": failures + [str(test) for test in result.unexpectedSuccesses],
    }, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
