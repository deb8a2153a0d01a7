# Everything a person or CI does here. Nothing is written outside this folder; `make help` tells the rest.

PYTHON ?= python3
PY := .venv/bin/python
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup run demo test test-fast test-e2e lint format check package clean reset

help: ## Show this
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The stamps remember with which requirements the tools were installed.
.venv/.stamp: requirements.txt requirements-dev.txt scripts/setup.py
	@for python in $(PYTHON) python3.14 python3.13 python3.12 python3.11; do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
			then exec $$python scripts/setup.py python; fi; \
	done; \
	echo "Todoku needs Python 3.11 or later and finds only: $$($(PYTHON) --version 2>&1)."; \
	echo "Install one, or name it: make PYTHON=/path/to/python3.12 ..."; exit 1
.tools/dynalite/.stamp: .venv/.stamp infra/dynalite/package-lock.json infra/dynalite/start.cjs requirements-node.txt
	@$(PY) scripts/setup.py dynalite

setup: .venv/.stamp .tools/dynalite/.stamp ## Install what is needed into .venv and .tools

run: setup ## Start the whole platform on this machine, with the demo, until Ctrl-C
	@exec $(PY) -m chalicelib.local

demo: setup ## Tell the demo's story in a temporary folder and compare every number
	@exec $(PY) -m chalicelib.local demo

test: test-fast test-e2e ## Run every test

test-fast: setup ## Run the tests that do not start the platform
	$(BIN)/pytest -n 2 --dist loadfile -m "not e2e"

test-e2e: setup ## Run the tests that start the platform as a user would
	$(BIN)/pytest -m e2e

lint: setup ## Check style, types and the order of rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: setup ## Format the code
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

check: lint test ## All that CI does

package: setup ## Make build/ ready for deployment to AWS: template, code, layer
	$(PY) scripts/package.py

clean: ## Remove everything that can be made again (data in .local stays)
	rm -rf .venv .tools build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

reset: ## Forget the local platform's data
	rm -rf .local
