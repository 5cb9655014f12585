# Everything runs in .venv, which is made here from the lock files. Needs Python >= 3.11 with venv, make and git.
# `make help` lists the targets; PYTHON=/path/to/python chooses another interpreter for a new .venv.

SHELL := /bin/sh
.SHELLFLAGS := -eu -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev
# more than there are cores: most tests wait for something
WORKERS := 4
LOCK_VENV := .cache/lock
UV_VERSION := 0.13.8
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
CHECKED := src tests scripts benches fuzz hatch_build.py
# What builds the page; Node.js is fetched where there is none.
PAGE := $(BIN)/python -m scripts.page
HAVE_NODE := $(PAGE) node >/dev/null 2>&1 || $(PIP) install --quiet --require-hashes -r requirements/node.txt

export PIP_REQUIRE_VIRTUALENV := 1

.PHONY: help demo page page-types test lint format docs fuzz api-fuzz bench screenshots page-figures lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: page ## a controller and three rigs on this machine, until Ctrl-C
	@$(BIN)/miner-ctrl demo $(DEMO)

page: $(RUN_STAMP) ## build the page, if it is older than its sources in web/
	@$(PAGE) fresh || { $(HAVE_NODE); echo "building the page, this takes a moment"; $(PAGE); }

# The tests that need the machine for themselves are first: so all files are compiled once, and not by each worker.
test: lint page ## all checks and all tests; PYTEST='tests/session -k frame' narrows the tests
	alone=0; $(BIN)/python -m pytest -m alone $(PYTEST) || alone=$$?; \
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not alone" $(PYTEST); \
	case $$alone in 0|5) ;; *) echo "tests that need the machine for themselves failed, see above"; exit 1;; esac

lint: page-types ## ruff and mypy; svelte-check and vitest
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --no-warn-unreachable src
	$(PAGE) run check
	$(PAGE) run test

format: $(DEV_STAMP) ## put the code into its one format
	$(BIN)/ruff check --fix $(CHECKED)
	$(BIN)/ruff format $(CHECKED)

docs: $(DEV_STAMP) ## write the generated tables in docs/
	$(BIN)/python -m scripts.tables --write

page-types: $(DEV_STAMP) ## write the types of the API for the page
	@$(BIN)/python -m scripts.page_types

fuzz: $(DEV_STAMP) ## feed broken bytes to the parsers for a minute (FUZZ='--seconds 600')
	$(BIN)/python -m fuzz $(FUZZ)

api-fuzz: $(DEV_STAMP) ## everything the OpenAPI document says and forbids, for ten minutes (API_FUZZ='--seconds 60')
	$(BIN)/python -m tests.integration.api_fuzz $(API_FUZZ)

bench: $(DEV_STAMP) ## measure, each figure beside a raw echo (BENCH='link fleet')
	$(BIN)/python -m benches $(BENCH)

# The environment. A stamp is older than its lock file or pyproject.toml: install again. The page is not built by that:
# ./miner-ctrl, on a rig say, needs no Node.js.

$(BIN)/python:
	@python=$$(sh scripts/find-python $(PYTHON)); \
	echo "making $(VENV) with $$python"; \
	"$$python" -m venv $(VENV)

$(RUN_STAMP): requirements/runtime.txt requirements/build.txt pyproject.toml | $(BIN)/python
	@echo "installing from the lock files into $(VENV)"
	$(PIP) install --quiet --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	HATCH_BUILD_NO_HOOKS=true $(PIP) install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

$(DEV_STAMP): requirements/dev.txt $(RUN_STAMP)
	$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	$(HAVE_NODE)
	@touch $@

# The lock files. uv resolves for every platform and Python version at once; an index other than its default one is
# given in UV_DEFAULT_INDEX and never written down. LOCK=--upgrade takes the newest versions.

COMPILE := $(LOCK_VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate $(LOCK)

screenshots: $(DEV_STAMP) page ## every page in a browser, to .cache/screenshots; the best few to docs/ (SCREENSHOTS='--only nodes')
	$(BIN)/python -m scripts.in_browser screenshots $(SCREENSHOTS)

page-figures: $(DEV_STAMP) page ## what the page weighs, and how it keeps up (PAGE_FIGURES='--rigs 10000 --minutes 10')
	$(BIN)/python -m scripts.in_browser figures $(PAGE_FIGURES)

lock: $(LOCK_VENV)/bin/uv ## resolve the dependencies anew (LOCK=--upgrade)
	$(COMPILE) pyproject.toml -o requirements/runtime.txt
	$(COMPILE) --group build -c requirements/runtime.txt -o requirements/build.txt
	$(COMPILE) pyproject.toml --group build --group dev \
		-c requirements/runtime.txt -c requirements/build.txt -o requirements/dev.txt
	$(COMPILE) --group node -o requirements/node.txt

$(LOCK_VENV)/bin/uv: Makefile
	"$$(sh scripts/find-python $(PYTHON))" -m venv --clear $(LOCK_VENV)
	$(LOCK_VENV)/bin/python -m pip --disable-pip-version-check install --quiet uv==$(UV_VERSION)
	@touch $@

clean: ## remove what was made here: .venv, caches, builds
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist src/miner_ctrl/page web/node_modules
	find src tests scripts benches fuzz -name __pycache__ -type d -prune -exec rm -rf {} +
