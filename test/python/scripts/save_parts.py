# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Usage: save_parts.py NAME URL...: imports by the method of a collection, saves
in parts, and prints the UUIDs."""

import sys

import arvados
import arvados_pseudoblock as pb

collection = pb.Collection(api_client=arvados.api("v1"))
collection.import_from_s3(sys.argv[2:])
for one in collection.save_parts(sys.argv[1], properties={"mine": 1}):
    print(one["uuid"])
