# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

"""Reads a file in order, with the stock client and with arvados_pseudoblock, in
turn, and prints the seconds of each round. Told what to do by measurepython.go."""

import json
import os
import sys
import time

import arvados.collection
import arvados.keep

import arvados_pseudoblock as pb

BLOCK = 64 << 20


def stock_client(job):
    return arvados.keep.KeepClient(proxy=job["url"], api_token=job["token"])


def shim_client(job):
    return pb.KeepClient(proxy=job["url"], api_token=job["token"])


def stored(job):
    """Ordinary blocks of as many bytes, all different; their locators."""
    keep = stock_client(job)
    sizes = [BLOCK] * (job["size"] // BLOCK) + [job["size"] % BLOCK] * (job["size"] % BLOCK > 0)
    return [keep.put(os.urandom(size), copies=1) for size in sizes]


def read(kind, keep, locators, job, step):
    """Seconds to read the file that consists of the blocks; the client is new, so nothing is cached."""
    text = ". %s 0:%d:file\n" % (" ".join(locators), job["size"])
    file = kind(text, keep_client=keep, replication_desired=1).open("file", "rb")
    begin, count = time.monotonic(), 0
    while data := file.read(step):
        count += len(data)
    seconds = time.monotonic() - begin
    if count != job["size"]:
        raise SystemExit("read %d bytes in place of %d" % (count, job["size"]))
    return seconds


def main():
    job = json.load(sys.stdin)
    ordinary = stored(job)
    result = []
    for step in job["steps"]:
        times = {"Step": step, "Stock": [], "Shim": []}
        for _ in range(job["rounds"]):
            times["Stock"].append(read(arvados.collection.CollectionReader, stock_client(job), ordinary, job, step))
            times["Shim"].append(read(pb.CollectionReader, shim_client(job), [job["locator"]], job, step))
        result.append(times)
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
