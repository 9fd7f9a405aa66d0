# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Usage: save_properties.py ours|stock BUCKET: imports into a collection, saves it,
imports more, saves again; and copies a file into a second one. Prints the UUIDs.
The test in Go does the same."""

import sys

import arvados
import arvados.collection
import arvados_pseudoblock as pb

classes, bucket = sys.argv[1:]
if classes == "stock":
    pb.enable()
Collection = arvados.collection.Collection if classes == "stock" else pb.Collection
api = arvados.api("v1")
collection = Collection(api_client=api)
collection.import_from_s3("s3://%s/many/z/" % bucket, "z", include=["plain-*"], exclude_regexp=["7$"])
collection.import_from_s3([pb.Source(bucket=bucket, key="many/a/\u00e9", path="notes/")])
collection.save_new(name="saved", properties={"mine": 1})
collection.import_from_s3(["s3://%s/many/deep/" % bucket, "s3://%s/many/a/%%C3%%A9" % bucket], "notes/")
collection.remove("z/plain-000")
collection.save()
copy = Collection(api_client=api)
copy.copy("z/plain-001", "here", collection)
copy.save_new(name="copied")
print(collection.manifest_locator(), copy.manifest_locator())
