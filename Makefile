# make demo: everything a newcomer needs, on bundled input. make test: everything a change must pass.
PYTHON ?= python3.11
VENV   ?= .venv
BIN    := $(VENV)/bin
ZEEK   := $(shell PATH="$$PATH:/opt/zeek/bin" command -v zeek)
SCRIPTS := $(wildcard zeek-scripts/*.zeek)

.PHONY: demo test faults check unit btest format clean

demo: $(VENV)/.installed
	$(BIN)/zeek-beacons sample site demo-out/logs --force
	$(BIN)/zeek-beacons score demo-out/logs --truth demo-out/logs/labels.csv -o demo-out/report

test: check unit btest

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@for script in $(SCRIPTS); do $(BIN)/zeek-format $$script | cmp -s - $$script \
	  || { echo "$$script: not formatted, run make format"; exit 1; }; done

unit: $(VENV)/.installed-dev
	$(BIN)/pytest

btest: $(VENV)/.installed-dev
ifeq ($(ZEEK),)
	@echo "#### btest SKIPPED: no zeek on PATH or in /opt/zeek/bin. The Zeek scripts were NOT tested. ####"
else
	@if [ -f testing-btest/btest.cfg ]; then cd testing-btest && \
	  PATH="$(abspath $(BIN)):$(dir $(ZEEK)):$$PATH" btest -d -j 2; fi
endif

# What may go wrong between a real Zeek and a real sidecar, ten times in a row (make test: three times).
faults: $(VENV)/.installed-dev
	ZEEK_BEACONS_FAULT_ROUNDS=10 $(BIN)/pytest tests/faults

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	@for script in $(SCRIPTS); do $(BIN)/zeek-format --inplace $$script; done

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) demo-out
