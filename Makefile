# Everything happens in .venv; nothing is written outside this folder and the user's cache,
# config and data folders. `make run` and `make test` need only Python 3.11, git and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RECIPE := scripts/install.py scripts/openmp.py constraints.txt pyproject.toml $(wildcard packages/*/pyproject.toml)
SOURCES := $(wildcard packages/*/src)

# `make run PROMPT='any "text", even $HOME or `id`'`: make must not expand it and the shell must
# not read it, so it travels in the environment, verbatim.
ifeq ($(origin PROMPT),command line)
override PROMPT := $(value PROMPT)
export PROMPT
ASK := run -- "$$PROMPT"
else
unexport PROMPT
ASK = $$(test -t 0 && test -t 2 || echo run)
endif

.DEFAULT_GOAL := help
.PHONY: help install run test test-all check lint types layers docs bench bench-peers pictures constraints clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## make .venv with all packages, the tools and the offline model

$(STAMP): $(RECIPE)
	@$(PYTHON) scripts/install.py $(VENV)
	@touch $@

run: $(STAMP) ## the main job; PROMPT="…" answers once, without it a terminal shows the full screen
	@$(BIN)/axio $(ASK)

# Files are shared out to the cores. Strings hash alike in all processes, because some tests are named
# after sets.
PYTEST := PYTHONHASHSEED=0 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test: $(STAMP) ## the test-suite (minutes)
	@$(PYTEST)

test-all: $(STAMP) ## the heavy tests too (an hour)
	@$(PYTEST) -m "" --timeout 1800

check: lint types layers test ## all that a change must pass

lint: $(STAMP) ## ruff: rules and format
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: $(STAMP) ## mypy and pyright
	@$(BIN)/mypy $(SOURCES) typing_tests examples tests scripts conftest.py
	@for tests in packages/*/tests; do $(BIN)/mypy $$tests || exit 1; done
	@$(BIN)/pyright --warnings

layers: $(STAMP) ## who may import whom
	@$(BIN)/lint-imports

docs: $(STAMP) ## run the examples in README, docs and docstrings
	@$(BIN)/python -m pytest README.md CONTRIBUTING.md docs packages/*/README.md packages/*/src

bench: $(STAMP) ## measure against hand-written floors
	@$(BIN)/python -m benchmarks

bench-peers: $(STAMP) ## measure against other frameworks (each in its own environment)
	@$(BIN)/python -m benchmarks.peers

pictures: $(STAMP) ## draw the screens anew, in the tests and in the pages
	@AXIO_PICTURES=write $(BIN)/python -m pytest -q packages/axio-tui/tests/app/test_pictures.py

constraints: $(STAMP) ## write constraints.txt anew from what the packages ask for
	@$(BIN)/python scripts/constraints.py $(BIN)/uv

clean: ## remove what the targets above made
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
