# Copyright (C) The keepstore authors.
# SPDX-License-Identifier: Apache-2.0

# Tools and test servers are kept here, outside the repository, so that a new
# clone does not build them again. Set KEEPSTORE_CACHE for another place.
KEEPSTORE_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/keepstore-test
export KEEPSTORE_TEST_BIN := $(KEEPSTORE_CACHE)/bin

FUZZTIME ?= 60s
# --quick, --full, --only REGEXP; see go run ./bench --help
BENCHFLAGS ?=

# Every package of every module in go.work.
packages = $$(go list -m -f '{{.Dir}}/...')
# What takes longest is started first, so that nothing is waited for alone.
longest = ./test/... ./internal/app ./demo/... ./bench
# Version control is stamped into the binary where there is any.
vcs = $(shell git rev-parse --quiet --verify HEAD >/dev/null 2>&1 && echo auto || echo false)

# A link to the program of a Python environment works only by its own name.
shim_python = $$(readlink $(abspath $(KEEPSTORE_TEST_BIN))/shim-python)

.DEFAULT_GOAL := help
.PHONY: help build demo demo-role test bench lint fuzz tools clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-9s %s\n", $$1, $$2}' Makefile

build: ## build bin/keepstore
	go build -trimpath -buildvcs=$(vcs) -o bin/keepstore ./cmd/keepstore

demo: ## run everything on this machine, with sample data in a real S3 gateway
	go run ./demo

demo-role: ## the same, and with roles: builds MinIO, once, for its STS
	@.ci/tools.sh $(KEEPSTORE_TEST_BIN) minio
	go run ./demo --minio $(KEEPSTORE_TEST_BIN)/minio

test: tools lint ## check everything: tools, lint, all tests with -race
	@.ci/debian.sh gcc=build-essential curl=curl nginx=nginx-light
	@if .ci/rgw.sh; then export KEEPSTORE_TEST_RGW=1; fi; \
	if .ci/fuse.sh $(KEEPSTORE_TEST_BIN); then export KEEPSTORE_TEST_FUSE=1; fi; \
	go run ./internal/tools/gotest -race -timeout 20m $(longest) $(packages)

bench: tools ## measure reading, storing and importing next to their peers; writes bench/
	@.ci/debian.sh nginx=nginx-light
	go run ./bench $(BENCHFLAGS)

lint: tools ## gofmt, go vet, staticcheck; ruff and mypy for Python
	@unformatted=$$(find . -name '*.go' -not -path '*/testdata/*' -not -path './.*' -exec gofmt -l {} +); \
	if [ -n "$$unformatted" ]; then echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	go vet $(packages)
	$(KEEPSTORE_TEST_BIN)/staticcheck $(packages)
	cd sdk/python-shim && $(shim_python) -m ruff check --no-cache --quiet . && $(shim_python) -m ruff format --no-cache --check --quiet .
	cd sdk/python-shim && $(shim_python) -m mypy --no-error-summary --cache-dir $(abspath $(KEEPSTORE_CACHE))/mypy

fuzz: ## run each fuzz target for FUZZTIME (60s)
	.ci/fuzz.sh $(FUZZTIME) $(packages)

tools: ## install the pinned test servers and linters, where they are not there yet
	@.ci/tools.sh $(KEEPSTORE_TEST_BIN)

clean: ## remove what make build made, and the test cache of go
	rm -rf bin
	go clean -testcache
