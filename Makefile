# The recipes that people, hooks and CI share. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
MINUTES ?= 60
BODIES ?= 1000000
PARSER_SECONDS ?= 60
STAMP := .venv/.installed
# Four test processes, also on two cores: tests wait for timers and servers more than they compute.
IN_PARALLEL := -n 4 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup run test lint check format docs lock bench bench-check bench-store chart image sbom screenshot reliability mutations attack soak fuzz

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## create .venv with the locked dependencies (instant when nothing changed)

$(STAMP): requirements/dev.txt pyproject.toml simulator/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Page Inbox needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 " if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . --editable simulator
	@touch $(STAMP)

run: $(STAMP)  ## the whole service on this machine, with a demo shop; Ctrl-C stops it
	@$(BIN)/page-inbox run

test: $(STAMP)  ## every test; what this machine cannot have is skipped with its reason printed
	$(BIN)/python -m pytest $(IN_PARALLEL)

lint: $(STAMP)  ## format, lint rules, strict types, dead code
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/vulture

check: lint  ## make lint, and the quick tests: import rules, documents, manifests, alert rules
	$(BIN)/python -m pytest -q -p no:randomly $(IN_PARALLEL) tests/house tests/k8s tests/ops --ignore=tests/ops/test_live.py

format: $(STAMP)  ## rewrite the code the way `make check` wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP)  ## write docs/reference.md from the tables in the code
	$(BIN)/python -m docs.generate

lock: $(STAMP)  ## renew the hash-locked requirements from pyproject.toml
	@for set in "runtime:" "tracing:--extra tracing" "dev:--extra embedded --extra tracing --group dev" \
	  "bench:--extra embedded --extra tracing --group dev --group bench" \
	  "fuzz:--extra embedded --extra tracing --group dev --group fuzz"; do \
	  $(BIN)/uv pip compile pyproject.toml $${set#*:} --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-annotate --custom-compile-command 'make lock' -o requirements/$${set%%:*}.txt || exit 1; done
	@$(BIN)/uv pip compile --group pyproject.toml:build --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --custom-compile-command 'make lock' -o requirements/build.txt

image: $(STAMP)  ## build the container image and prove what it promises; needs root on Debian
	$(BIN)/python -m tests.image

sbom: $(STAMP)  ## list everything inside the image, from the lock, into build/sbom.cdx.json
	$(BIN)/python -m tests.image.sbom build/sbom.cdx.json

screenshot: $(STAMP)  ## the picture in README: the console over the demo shop
	$(BIN)/python -m tests.browser.screenshot docs/console.png

bench: $(STAMP)  ## every figure with its reference, side by side, as ratios
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	$(BIN)/python -m bench

bench-check: $(STAMP)  ## what has moved since the stored run of the benchmark; exit code 1 for the worse
	$(BIN)/python -m bench.check

bench-store: $(STAMP)  ## make the last run of the benchmark the stored one, with its picture and capacity table
	$(BIN)/python -m bench.store

chart: $(STAMP)  ## the picture in docs/capacity.md: what a delivery and a read cost as a store grows
	$(BIN)/python -m bench.chart

attack: $(STAMP)  ## attack the service as a stranger, a customer and a shop; URL=... attacks a running one
	$(BIN)/python -m tests.attack $(if $(URL),--url $(URL)) $(ARGS)

reliability: $(STAMP)  ## break everything that can break, and write docs/reliability.md's table from it
	@mkdir -p build && rm -f build/faults.ndjson
	FAULT_ROWS=build/faults.ndjson FAULT_EFFORT=full $(BIN)/python -m pytest tests/fault
	$(BIN)/python -m tests.fault.rows build/faults.ndjson docs/reliability.md

mutations: $(STAMP)  ## take away what keeps each promise, one at a time, and see its test fail
	$(BIN)/python -m tests.fault.mutate

fuzz: $(STAMP)  ## bodies of every spelling and broken ones against a model, BODIES=1000000 unless said otherwise
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/fuzz.txt
	$(BIN)/python -m tests.fuzz.parser -max_total_time=$(PARSER_SECONDS)
	$(BIN)/python -m tests.fuzz --bodies $(BODIES)

soak: $(STAMP)  ## load while everything breaks, MINUTES=60 unless said otherwise, and what must not grow
	$(BIN)/python -m tests.soak --minutes $(MINUTES) --document docs/reliability.md
