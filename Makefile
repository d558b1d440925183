# Every target sets itself up first; a target that is set up already spends no time on it.
#
#   make demo            run the demo               make demo ARGS="--speed 20"
#   make test            run all tests              make test ARGS="-k journal" WORKERS=0
#   make lint            style, types, layers
#   make lock            renew requirements/*.txt   make lock UPGRADE=--upgrade
#   make clean           drop .venv and caches (the servers for the tests stay in the user's cache folder)

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

ARGS ?=
WORKERS ?= 2
REQUIRE_SERVICES ?=
UPGRADE ?=

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

.PHONY: help demo test lint format lock clean set-up $(STALE)

help:
	@sed -n 's/^#   //p' $(firstword $(MAKEFILE_LIST))

demo: $(RUN_READY)
	@$(BIN)/rolloutctl demo $(ARGS)

# The tests run against the wheel, as users get it, in an environment of its own; .venv holds the checkout itself.
test: $(WHEEL_READY) $(SERVERS_READY)
	@mkdir -p $(dir $(STATUS)); \
	.cache/wheel/bin/python -m pytest --require-wheel $(if $(filter-out 0,$(WORKERS)),-n $(WORKERS) --dist loadgroup) \
	  $(if $(REQUIRE_SERVICES),--require-services) $(ARGS); \
	status=$$?; echo $$status > $(STATUS); exit $$status

lint: $(DEV_READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	MYPYPATH=tests $(BIN)/mypy tests/servers tests/conftest.py
	$(BIN)/lint-imports

format: $(DEV_READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

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
