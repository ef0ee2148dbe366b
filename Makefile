# The recipes that people, hooks and CI share. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
MINUTES ?= 60
BODIES ?= 1000000
PARSER_SECONDS ?= 60
STAMP := .venv/.installed
# Six test processes, also on two cores: tests wait for timers and servers more than they compute.
IN_PARALLEL := -n 6 --dist worksteal

# Compiled modules are used by every test process, and by the services that tests start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run composer test lint check format docs lock bench bench-check bench-store chart image sbom screenshot reliability mutations attack soak fuzz

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## create .venv with the locked dependencies (instant when nothing changed)

$(STAMP): requirements/dev.txt pyproject.toml simulator/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Page Inbox needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 " if sys.version_info < (3, 11) else 0)'
	@echo "Installing into .venv, once; this takes about a minute."
	@echo "1 of 3: a Python environment"
	@$(PYTHON) -m venv .venv
	@echo "2 of 3: $$(grep -c '==' requirements/dev.txt) packages"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@echo "3 of 3: Page Inbox"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . --editable simulator
	@touch $(STAMP)

run: $(STAMP)  ## run the whole service on this machine, with a demo shop; Ctrl-C stops it
	@$(BIN)/page-inbox run

composer: $(STAMP)  ## beside `make run`: run the example of an order composer on the client (examples/composer)
	@$(BIN)/python examples/composer/server.py

test: $(STAMP)  ## run every test; tests that this machine cannot run are skipped with the reason
	$(BIN)/python -m pytest $(IN_PARALLEL)

lint: $(STAMP)  ## format, lint rules, strict types, dead code
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/vulture

check: lint  ## make lint, and the quick tests: import rules, documents, manifests, alert rules
	$(BIN)/python -m pytest -q -p no:randomly $(IN_PARALLEL) tests/house tests/k8s tests/ops --ignore=tests/ops/test_live.py

format: $(STAMP)  ## format the code as `make check` requires it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP)  ## write docs/reference.md and the client's types from the tables in the code
	$(BIN)/python -m docs.generate

lock: $(STAMP)  ## update the hash-locked requirements from pyproject.toml
	@for set in "runtime:" "tracing:--extra tracing" "dev:--extra embedded --extra tracing --group dev" \
	  "bench:--extra embedded --extra tracing --group dev --group bench" \
	  "fuzz:--extra embedded --extra tracing --group dev --group fuzz"; do \
	  $(BIN)/uv pip compile pyproject.toml $${set#*:} --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-annotate --custom-compile-command 'make lock' -o requirements/$${set%%:*}.txt || exit 1; done
	@$(BIN)/uv pip compile --group pyproject.toml:build --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --custom-compile-command 'make lock' -o requirements/build.txt

image: $(STAMP)  ## build the container image and test it; needs root on Debian
	$(BIN)/python -m tests.image

sbom: $(STAMP)  ## list everything inside the image, from the lock files, in build/sbom.cdx.json
	$(BIN)/python -m tests.image.sbom build/sbom.cdx.json

screenshot: $(STAMP)  ## make the picture in README: the console with the demo shop
	$(BIN)/python -m tests.browser.screenshot docs/console.png

bench: $(STAMP)  ## measure everything beside its reference program, as ratios
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	$(BIN)/python -m bench

bench-check: $(STAMP)  ## compare with the stored run of the benchmark; exit code 1 if something is slower
	$(BIN)/python -m bench.check

bench-store: $(STAMP)  ## store the last run of the benchmark, with its picture and capacity table
	$(BIN)/python -m bench.store

chart: $(STAMP)  ## draw the picture in docs/capacity.md: the cost of a delivery and a read as a store grows
	$(BIN)/python -m bench.chart

attack: $(STAMP)  ## attack the service as a stranger, a customer and a shop; URL=... attacks a running one
	FAULT_EFFORT=full $(BIN)/python -m tests.attack $(if $(URL),--url $(URL)) $(ARGS)

reliability: $(STAMP)  ## cause every fault at full length, and write the table in docs/reliability.md
	@mkdir -p build && rm -f build/faults.ndjson
	FAULT_ROWS=build/faults.ndjson FAULT_EFFORT=full $(BIN)/python -m pytest tests/fault
	$(BIN)/python -m tests.fault.rows build/faults.ndjson docs/reliability.md

mutations: $(STAMP)  ## change each line that a promise depends on, one at a time, and expect its test to fail
	$(BIN)/python -m tests.fault.mutate

fuzz: $(STAMP)  ## send valid and broken bodies with unusual JSON, BODIES=1000000 by default, and compare with a model
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/fuzz.txt
	$(BIN)/python -m tests.fuzz.parser -max_total_time=$(PARSER_SECONDS)
	$(BIN)/python -m tests.fuzz --bodies $(BODIES)

soak: $(STAMP)  ## run under load with a fault every ten seconds, MINUTES=60 by default, and check that nothing grows
	$(BIN)/python -m tests.soak --minutes $(MINUTES) --document docs/reliability.md
