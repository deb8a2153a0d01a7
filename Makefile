# Everything a person or CI does here. Nothing is written outside this folder; `make help` lists the rest.

PYTHON ?= python3
STAGE ?= prod
PY := .venv/bin/python
BIN := .venv/bin
RECORDED := $(CURDIR)/.recorded-calls

.DEFAULT_GOAL := help
.PHONY: help setup tools run member-site demo-shop demo test prove test-fast test-e2e audit lint format check package deploy destroy clean reset

help: ## Show this
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The stamps remember with which requirements the tools were installed.
.venv/.stamp: requirements.txt requirements-mirror.txt requirements-local.txt scripts/setup.py
	@for python in $(PYTHON) python3.14 python3.13 python3.12 python3.11; do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
			then exec $$python scripts/setup.py python; fi; \
	done; \
	echo "Todoku needs Python 3.11 or later and finds only: $$($(PYTHON) --version 2>&1)."; \
	echo "Install one, or name it: make PYTHON=/path/to/python3.12 ..."; exit 1
.tools/dynalite/.stamp: .venv/.stamp infra/dynalite/package-lock.json requirements-node.txt
	@$(PY) scripts/setup.py dynalite

.venv/.tools-stamp: .venv/.stamp requirements-dev.txt requirements-mcp.txt
	@$(PY) scripts/setup.py tools

# The API starts without the console too: where it cannot be built now, it says so, and the next time tries again.
CONSOLE_SOURCES := $(shell find console -type f -not -path '*/node_modules/*') $(wildcard chalicelib/local/line/page/*)
chalicelib/console/dist/index.html: .tools/dynalite/.stamp $(CONSOLE_SOURCES)
	@$(PY) scripts/setup.py console || echo "The web console could not be built (above); everything else starts."

setup: .venv/.stamp .tools/dynalite/.stamp chalicelib/console/dist/index.html ## Install what running needs into .venv and .tools
tools: setup .venv/.tools-stamp ## Install what tests and lint need besides

run: setup ## Start the whole platform on this machine, with the demo (or EXAMPLE=), until Ctrl-C
	@TODOKU_EXAMPLE="$(or $(EXAMPLE),$(TODOKU_EXAMPLE))" exec $(PY) -m chalicelib.local

member-site: setup ## A company's member site beside make run, to try linking with (port 8002)
	@exec $(PY) -m chalicelib.local.member_site

demo-shop: setup ## A shop with the site tag beside make run, to try it with (port 8003)
	@exec $(PY) -m chalicelib.local.demo_shop

demo: setup ## Tell the demo's story (or play EXAMPLE=clinic) in a temporary folder and compare every number
	@exec $(PY) -m chalicelib.local demo $(EXAMPLE)

test: tools ## Run every test, then name permissions of functions that no test used
	rm -rf $(RECORDED)
	TODOKU_RECORD_CALLS=$(RECORDED) $(MAKE) --no-print-directory test-fast test-e2e
	$(PY) scripts/policies.py unused $(RECORDED)

test-fast: tools ## Run the tests that do not start the platform
	$(BIN)/pytest -n 2 --dist loadfile -m "not e2e"

test-e2e: tools ## Run the tests that start the platform as a user would
	$(BIN)/pytest -m e2e

audit: tools ## Let checkov read the template as CloudFormation makes it (downloads 265 MB into .tools)
	$(PY) scripts/audit.py

prove: tools ## Send 50,000 hostile requests to every endpoint (about 20 minutes on two cores)
	$(PY) -m tests.prove
	$(PY) -m tests.isolation

lint: tools ## Check style, types, the order of rooms, foreign stores, and that nothing reads a sentence
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest -q --durations=0 tests/contract/test_house.py tests/unit/test_reasons.py

format: tools ## Format the code
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

check: lint test ## All that CI does

package: tools ## Make build/ ready for deployment to AWS: template, code, layer
	$(PY) scripts/package.py --stage $(STAGE)

deploy: tools ## Deploy to AWS: make deploy STAGE=prod [YES=1] [WITH="AlarmEmail=you@example.com"]
	@$(PY) scripts/deploy.py deploy --stage $(STAGE) $(WITH)

destroy: setup ## Take a stage away; its data stays unless DATA=1
	@$(PY) scripts/deploy.py destroy --stage $(STAGE)

clean: ## Remove everything that can be made again (data in .local stays)
	rm -rf .venv .tools .recorded-calls build dist chalicelib/console/dist console/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

reset: ## Forget the local platform's data
	rm -rf .local
