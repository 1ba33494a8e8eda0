# make demo: everything a newcomer needs, on bundled input. make test: everything a change must pass.
PYTHON ?= python3.11
VENV   ?= .venv
BIN    := $(VENV)/bin
ZEEK   := $(shell PATH="$$PATH:/opt/zeek/bin" command -v zeek)

.PHONY: demo test check format clean

demo: $(VENV)/.installed
	$(BIN)/zeek-beacons synth demo-out/logs --beacons 6 --benign 60 --hours 24 --seed 7 --force
	$(BIN)/zeek-beacons score demo-out/logs/conn.log -o demo-out/report --force

test: check
	$(BIN)/pytest

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@if ls zeek-scripts/*.zeek >/dev/null 2>&1; then $(BIN)/zeek-format --check zeek-scripts/*.zeek; fi

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	@if ls zeek-scripts/*.zeek >/dev/null 2>&1; then $(BIN)/zeek-format --inplace zeek-scripts/*.zeek; fi

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
