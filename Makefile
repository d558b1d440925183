# Every target sets itself up first; a target that is set up already spends no time on it.
#
#   make demo            run the demo               make demo ARGS="--speed 20"
#   make test            run all tests              make test ARGS="-k journal" WORKERS=0
#   make screenshots     pictures of the real program in docs/screenshots
#   make lint            style, types, layers
#   make docs            build the documentation into .cache/docs/site; warnings are errors
#   make docs-serve      the same, and serve it on 127.0.0.1 until Ctrl+C      make docs-serve PORT=8000
#   make docs-reference  renew docs/reference/, docs/pictures/ and config.example.toml from the code
#   make bench           measure and write docs/benchmarks.md    make bench ARGS="keys idle --quick"
#   make bench-judge     simulate rollouts, write docs/judge-simulation.md and its picture
#   make bench-accuracy  simulate 10,000 rollouts of four phases, write docs/judge-accuracy.md (half an hour)
#   make lock            renew requirements/*.txt   make lock UPGRADE=--upgrade
#   make clean           drop .venv and caches (the servers for the tests stay in the user's cache folder)

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

ARGS ?=
WORKERS ?= 2
REQUIRE_SERVICES ?=
UPGRADE ?=
PORT ?= 8000

BIN := .venv/bin
RUN_READY := .venv/.ready-run
DEV_READY := .venv/.ready-dev
SERVERS_READY := .venv/.ready-servers
WHEEL_READY := .cache/wheel/.ready
SOURCES := $(shell find src -type f -not -name '*.pyc') README.md LICENSE
STATUS := .cache/pytest-status

# A checkout that was moved, or whose Python is gone, has a .venv that no longer works: set it up again.
ifneq ($(shell test -x $(BIN)/python && cat .venv/.checkout 2>/dev/null),$(CURDIR))
STALE := stale
endif

.PHONY: docs docs-serve docs-reference help demo test bench bench-judge bench-accuracy lint format lock clean set-up $(STALE)

help:
	@sed -n 's/^#   //p' $(firstword $(MAKEFILE_LIST))

demo: $(RUN_READY)
	@$(BIN)/rolloutctl demo $(ARGS)

# The tests run against the wheel, as users get it, in an environment of its own; .venv holds the checkout itself.
test: $(WHEEL_READY) $(SERVERS_READY)
	@mkdir -p $(dir $(STATUS)); \
	PYTHON=.cache/wheel/bin/python scripts/run_tests.sh --require-wheel \
	  $(if $(filter-out 0,$(WORKERS)),-n $(WORKERS) --dist loadgroup) $(if $(REQUIRE_SERVICES),--require-services) $(ARGS); \
	status=$$?; echo $$status > $(STATUS); exit $$status

bench: $(DEV_READY)
	@$(BIN)/python -m bench $(ARGS)

bench-judge: $(DEV_READY)
	@$(BIN)/python -m bench.judge_simulation $(ARGS)

bench-accuracy: $(DEV_READY)
	@$(BIN)/python -m bench.judge_accuracy $(ARGS)

lint: $(DEV_READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	MYPYPATH=tests $(BIN)/mypy tests/servers tests/conftest.py
	$(BIN)/lint-imports

format: $(DEV_READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# A copy is built: the builder keeps files of its own beside its settings.
docs: $(DEV_READY)
	@rm -rf .cache/docs && mkdir -p .cache/docs && cp -R docs zensical.toml .cache/docs
	@cd .cache/docs && "$(CURDIR)/$(BIN)/zensical" build --strict
	@echo "see .cache/docs/site/index.html; with search: make docs-serve"

docs-serve: docs
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory .cache/docs/site $(PORT)

docs-reference: $(DEV_READY)
	@$(BIN)/python scripts/reference.py

set-up: $(DEV_READY) $(SERVERS_READY)

lock:
	@scripts/setup.sh lock $(UPGRADE)

clean:
	rm -rf .venv .uv .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(RUN_READY): requirements/run.txt requirements/build.txt pyproject.toml scripts/setup.sh $(STALE)
	@scripts/setup.sh run

$(DEV_READY): requirements/dev.txt requirements/build.txt pyproject.toml scripts/setup.sh $(STALE)
	@scripts/setup.sh dev

$(WHEEL_READY): $(SOURCES) $(DEV_READY)
	@scripts/setup.sh wheel

$(SERVERS_READY): scripts/setup.sh scripts/apt-install.sh tests/servers/unleash_install.py | $(DEV_READY)
	@scripts/setup.sh servers

.PHONY: screenshots
screenshots: $(DEV_READY)
	$(BIN)/python scripts/screenshots.py $(ARGS)
