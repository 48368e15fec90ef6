# `make run` and `make test` do all set-up by themselves; see README.md.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt

.PHONY: run test check lint format stress pages wheel wheel-check clean

# The main job on the bundled clip: four times larger, sound kept.
run: $(READY)
	mkdir -p out
	$(BIN)/vrinr upscale demo/bbb.mp4 --scale 4 -o out/bbb.x4.mp4 -y

test: $(READY)
	$(BIN)/python -m pytest -m "not stress" -n auto --dist loadfile

# Everything that CI looks at.
check: lint test wheel-check

lint: $(READY)
	$(BIN)/ruff format --check src tests
	$(BIN)/ruff check src tests
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format src tests
	$(BIN)/ruff check --fix src tests

# Tests that take minutes each.
stress: $(READY)
	$(BIN)/python -m pytest -m stress

# What the pages of commands show, anew.
pages: $(READY)
	$(BIN)/python docs/commands/make.py

wheel: $(READY)
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

# The wheel in an empty environment, away from the checkout: does it find its weights?
wheel-check: wheel
	PYTHON=$(PYTHON) bash .ci/wheel-check dist/*.whl demo/bbb.mp4

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(READY)

clean:
	rm -rf $(VENV) dist build out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
