# make demo: everything a newcomer needs, on bundled input. make test: everything a change must pass.
# make test-all: that, and what is heavy.
PYTHON ?= python3.11
VENV   ?= .venv
JOBS   ?= 3
BIN    := $(VENV)/bin
# The Zeek that tests use; ZEEK=/path/to/bin/zeek is another one.
ZEEK   ?= $(shell PATH="$$PATH:/opt/zeek/bin:/usr/local/zeek/bin" command -v zeek)
SCRIPTS := $(wildcard zeek-scripts/*.zeek)
# How much of both packages the tests reach: no less than they did, without a Zeek and without captures.
REACH := --cov --cov-report=term:skip-covered --cov-fail-under=93
# Files side by side; the tests of one file share a process, and what they have made. One thread each: threads that spin
# for one another on processors that others use cost several times what they save.
# A Zeek that PATH does not find comes first in it.
ZEEK_FIRST = $(if $(filter-out $(shell command -v zeek),$(ZEEK)),PATH="$(dir $(ZEEK)):$$PATH")
PYTEST  = $(ZEEK_FIRST) OMP_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder
BTEST   = PATH="$(abspath $(BIN)):$(dir $(ZEEK)):$$PATH" btest -d -j 2

.PHONY: demo test test-all heavy faults zam spark coverage check unit btest package format clean browser schemas detection-rules fuzz soak

demo: $(VENV)/.installed
	$(BIN)/zeek-beacons sample site demo-out/logs --force
	$(BIN)/zeek-beacons score demo-out/logs --truth demo-out/logs/labels.csv -o demo-out/report
	@echo
	@echo "To look at it in a browser: $(BIN)/zeek-beacons serve --report demo-out/report, then http://127.0.0.1:8520/"

test: check unit btest

test-all: COVERAGE := $(REACH)
test-all: test heavy spark fuzz

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@for script in $(SCRIPTS); do $(BIN)/zeek-format $$script | cmp -s - $$script \
	  || { echo "$$script: not formatted, run make format"; exit 1; }; done

unit: $(VENV)/.installed-dev
	$(PYTEST) $(COVERAGE)

# ZEEK_BEACONS_NEEDS_ZEEK=1 makes what needs a Zeek fail where there is none, here and in pytest.
btest: $(VENV)/.installed-dev
ifeq ($(ZEEK),)
	@echo "#### btest SKIPPED: no zeek on PATH or in /opt/zeek/bin. The Zeek scripts were NOT tested. ####"
	@test -z "$(ZEEK_BEACONS_NEEDS_ZEEK)"
else
	$(ZEEK) --version
	cd testing-btest && $(BTEST) && $(BTEST) -a cluster-broker -g cluster && $(BTEST) -a plain-zeromq -g sidecar
endif

# The same with scripts that Zeek compiles (-O ZAM).
zam: export ZEEK_ZAM = 1
zam: $(VENV)/.installed-dev
ifneq ($(ZEEK),)
	cd testing-btest && $(BTEST) && $(BTEST) -a cluster-broker -g cluster && $(BTEST) -a plain-zeromq -g sidecar
	$(PYTEST) tests/zeek tests/faults tests/beacons/live/test_pcap_loop.py
endif

# What looks for barriers in the console's pages, for tests/console, which also need a chromium on PATH.
# ZEEK_BEACONS_NEEDS_BROWSER=1 makes them fail where either is missing.
browser: .browser/node_modules/axe-core/axe.min.js

.browser/node_modules/axe-core/axe.min.js:
	npm install --no-save --no-fund --no-audit --prefix .browser axe-core@4

# What Elastic publishes for programs, against which tests hold alerts in ECS and packaging/siem/elastic: the schema of ECS, and
# the types of its client with TypeScript's compiler.
schemas: .schemas/node_modules/typescript/package.json

.schemas/node_modules/typescript/package.json:
	npm install --no-save --no-fund --no-audit --prefix .schemas @elastic/ecs@8.11 @elastic/elasticsearch@9 typescript@5

# The schema of Elastic's detection rules and the parser of their queries. Its packages stand apart: another of ours needs an
# older lark.
DETECTION_RULES ?= https://github.com/elastic/detection-rules
detection-rules: .schemas/python/eql/__init__.py

.schemas/python/eql/__init__.py: $(VENV)/.installed-dev
	rm -rf .schemas/detection-rules
	git clone --quiet --depth 1 --filter=blob:none --sparse $(DETECTION_RULES) .schemas/detection-rules
	git -C .schemas/detection-rules sparse-checkout set detection_rules/etc/api_schemas lib/kql
	$(BIN)/pip install --quiet --disable-pip-version-check --target .schemas/python 'eql>=1.0.1' 'lark>=1.3.1'

# Full floods, studies and captures, of which `make test` has small ones.
heavy: $(VENV)/.installed-dev
	ZEEK_BEACONS_FAULT_ROUNDS=1 $(PYTEST) -m heavy

# What may go wrong, ten times in a row (make test: with a real Zeek twice, else once). docs/developers/faults.md lists it.
ROUNDS ?= 10
faults: $(VENV)/.installed-dev
	ZEEK_BEACONS_FAULT_ROUNDS=$(ROUNDS) $(PYTEST) tests/faults

# score --engine spark on a real Spark, in a venv of its own: PySpark takes half a gigabyte. Needs Java 17 or newer.
# ZEEK_BEACONS_NEEDS_SPARK=1 makes it fail where there is none.
SPARK_VENV ?= .venv-spark
spark:
	@if command -v java >/dev/null && $(MAKE) $(SPARK_VENV)/.installed; then \
	  OMP_NUM_THREADS=1 ZEEK_BEACONS_NEEDS_SPARK=1 $(SPARK_VENV)/bin/pytest tests/beacons/spark; \
	else \
	  echo "#### spark SKIPPED: no java on PATH, or no PySpark to be had. score --engine spark was NOT tested. ####"; \
	  test -z "$(ZEEK_BEACONS_NEEDS_SPARK)"; \
	fi

$(SPARK_VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(SPARK_VENV)
	timeout 300 $(SPARK_VENV)/bin/pip install --quiet --disable-pip-version-check -e '.[spark]' hypothesis pytest
	@touch $@

# Days of a site in minutes against a real Zeek, sidecar and follower: fails where memory or files grow. What was measured
# lies in SOAK, which must not be there before.
DAYS ?= 4
MINUTES ?= 30
SOAK ?= .soak
soak: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m zeek_beacons_lab soak -o $(SOAK) --days $(DAYS) --minutes $(MINUTES)

# What strangers may write, against each reader, the wire and the rest of tests/fuzz/targets.py: so long a target. What is
# found lies in .fuzz, and so do the inputs that reached something new, for the next run.
# ZEEK_BEACONS_NEEDS_ATHERIS=1 makes it fail where atheris is missing.
SECONDS ?= 10
fuzz: $(VENV)/.installed-dev
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) --keep .fuzz

# How much of both packages the tests reach.
coverage: COVERAGE := $(REACH)
coverage: unit

# What a release holds, checked as the index would: dist/*.whl and dist/*.tar.gz.
package: $(VENV)/.installed-dev
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	@for script in $(SCRIPTS); do $(BIN)/zeek-format --inplace $$script; done

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[serve]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) $(SPARK_VENV) .browser .schemas .fuzz .soak demo-out dist
