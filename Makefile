# `make` prints what there is. Everything lives in the clone: .venv (programs), .cache (downloads), .run (data).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Whatever the shell says: with its bytecode kept, a process starts in two thirds of the time.
export PYTHONDONTWRITEBYTECODE :=

# What is downloaded is checked with the system's certificates, a proxy's among them. Maven's Java has them anyway.
SYSTEM_CERTS := $(firstword $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem))
export UV_SYSTEM_CERTS ?= true
ifneq ($(SYSTEM_CERTS),)
export PIP_CERT ?= $(SYSTEM_CERTS)
export NODE_EXTRA_CA_CERTS ?= $(SYSTEM_CERTS)
endif

OLDEST := (3, 11)
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < $(OLDEST))' && echo $$p && break; done)
VENV := .venv
PY := $(VENV)/bin/python
UV := $(VENV)/bin/uv
PACKAGES := contracts libs/common libs/testing services/ingester services/compliance services/analytics services/alerting services/retention \
	tests/simulator tests/story deploy/local
CODE = $(foreach d,contracts libs services tests deploy bench,$(if $(shell find $(d) -name "*.py" -print -quit 2>/dev/null),$(d)))
PYTEST := $(PY) -m pytest -q
LOCAL := $(PY) -m clawback_local
COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11

comma := ,
say = @printf '\033[1m· %s\033[0m\n' "$(1)"

##@ Start here

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@/ {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)} \
		/^[a-z][a-z0-9-]*:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo

.PHONY: demo
demo: setup ## Play the whole story on a stack of its own, check every guarantee, leave nothing running
	@exec $(PY) -m clawback_story

.PHONY: test
test: lint ## Lint, types, walls, contracts; unit, integration and end-to-end tests; restores
	$(call say,tests: $(words $(LANES)) lanes of them$(comma) three at a time)
	@$(MAKE) --keep-going --jobs=3 FIRST=lane-restores lane-restores types walls contracts-check $(LANES:%=lane-%)

.PHONY: test-faults
test-faults: setup ## What `test` has no time for: processes killed, servers away, a node lost; plans on large tables; that the benchmarks run
	@$(MAKE) --keep-going $(FAULTS:%=lane-%)

.PHONY: coverage
coverage: setup ## What the tests of the packages and services run of the code, and whether that is enough
	@mkdir -p .run/coverage && $(VENV)/bin/coverage erase
	@$(MAKE) --keep-going --jobs=3 RUN="$(COVERED)" $(COUNTED:%=lane-%)
	$(call say,coverage)
	@$(PY) tests/coverage_gate.py

.PHONY: setup
setup: $(VENV)/.packages $(VENV)/.kafka $(VENV)/.clients ## Virtual environment and Kafka's jars; nothing to do the second time

##@ The local stack

.PHONY: up down status job keys logs reset
up: setup ## Start Kafka, PostgreSQL and all services in the background; back when all are ready
	@$(LOCAL) up
down: | $(PY) ## Stop them
	@$(LOCAL) down
status: | $(PY) ## A table: process, pid, address, ready, lag
	@$(LOCAL) status
job: | $(PY) ## A job with the settings of the running stack: `make job cmd="retention sweep --dry-run"`
	@$(LOCAL) run $(cmd)
keys: | $(PY) ## An API key for a partner: `make keys subject=acme role=upstream provider=acme`
	@$(LOCAL) keys --subject "$(subject)" --role "$(role)" --provider "$(provider)"
logs: | $(PY) ## The end of each log; `make logs name=kafka` prints one
	@$(LOCAL) logs $(name)
reset: | $(PY) ## Stop everything and delete .run/
	@$(LOCAL) reset

##@ Checks

.PHONY: check
check: lint types walls contracts-check test-unit ## The fast half of `make test`: no servers

.PHONY: lint
lint: setup
	$(call say,lint and format)
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/ruff format --quiet --check .

.PHONY: types
types: setup
	$(call say,types)
	@nice -n 19 $(VENV)/bin/mypy --no-error-summary $(CODE)

.PHONY: walls
walls: setup
	$(call say,walls)
	@mkdir -p .run
	@$(VENV)/bin/lint-imports --no-cache >.run/walls.txt 2>&1 || { cat .run/walls.txt; exit 1; }

.PHONY: contracts-check
contracts-check: setup
	$(call say,contracts)
	@$(PY) -m contracts.generator --check

.PHONY: test-unit
test-unit: setup ## Unit tests
	$(call say,unit tests)
	@$(PYTEST) -m "$(UNIT)"

.PHONY: test-integration
test-integration: setup ## Tests with a real Kafka and PostgreSQL
	$(call say,integration tests)
	@$(PYTEST) -m "$(SERVERS)"

.PHONY: test-e2e
test-e2e: setup ## The whole story with other seeds, and its disasters
	$(call say,end-to-end tests)
	@$(PYTEST) -m "e2e and not disaster" $(SOCKETS)

.PHONY: test-disasters
test-disasters: setup ## Every disaster: each database restored alone, broker and PostgreSQL away for a minute, three replicas of every worker
	$(call say,disasters)
	@$(PYTEST) -m e2e $(SOCKETS) --durations=0 tests/resilience

.PHONY: test-clients
test-clients: setup ## Read articles.v1 with other teams' Kafka clients; with franz-go too, which takes a minute to build
	$(call say,Kafka clients)
	@$(PYTEST) -m "integration or clients" tests/clients

.PHONY: test-mutants
test-mutants: setup ## Plant each known mistake, and see who catches it
	@$(PY) tests/mutants

.PHONY: fuzz
fuzz: setup ## Arbitrary records and requests for longer than `make test` (FUZZ_SCALE times the examples: 20)
	@FUZZ_SCALE=$${FUZZ_SCALE:-20} $(PYTEST) $(SOCKETS) tests/fuzz

.PHONY: test-live
test-live: setup ## One call an endpoint to the real provider (METABASE_URL, METABASE_API_KEY); skipped without a key
	@$(PYTEST) -s -m live services/ingester/tests/live

.PHONY: bench
bench: setup ## The benchmarks; a table, and .run/bench.json
	@$(PY) -m bench

##@ For those who change it

.PHONY: contracts
contracts: setup ## Generate schemas, AsyncAPI and OpenAPI again
	@$(PY) -m contracts.generator

.PHONY: lock
lock: $(UV) ## Pin the requirements again, with hashes
	@$(COMPILE) requirements/uv.in -o requirements/uv.txt
	@$(COMPILE) requirements/runtime.in -o requirements/runtime.txt
	@$(COMPILE) requirements/dev.in -o requirements/dev.txt
	@$(COMPILE) -c requirements/dev.txt requirements/images.in -o requirements/images.txt
	@$(COMPILE) -c requirements/dev.txt requirements/build.in -o requirements/build.txt

.PHONY: wheels
wheels: .cache/wheels/.complete ## Download what images are built of, so that they can be built without a package index
.cache/wheels/.complete: requirements/images.txt requirements/build.txt | setup
	$(call say,wheels for the images)
	@rm -rf $(@D) && mkdir -p $(@D)
	@for name in images build; do $(PY) -m pip download --quiet --disable-pip-version-check --require-hashes \
		--only-binary :all: --python-version 3.11 --dest $(@D) -r requirements/$$name.txt; done
	@touch $@

# ---- the lanes of the tests

# Servers are killed with connections open to them; what Python says of those sockets is told, and fails nothing.
SOCKETS := -W default::ResourceWarning
UNIT := not integration and not e2e and not container and not cluster and not clients and not live
SERVERS := integration or container or cluster
COVERED := $(VENV)/bin/coverage run -m pytest -q
RUN := $(PYTEST)

# Tests with servers wait more than they work, so three lanes go side by side, each a process with servers of its own.
# The longest begin first.
# Restores and faults are twenty processes on the machine's cores: beside another lane they miss their deadlines, but
# for the unit tests, which wait for nobody and take what the others leave of the cores.
LANES := restores unit older common newer story partners fuzz
$(filter-out lane-restores lane-unit,$(LANES:%=lane-%)): | $(FIRST)
FAULTS := faults plans bench installs
PLANS := tests/periodic/test_periodic_queries.py
INSTALLS := tests/house/test_dependencies.py
# Counting doubles what Python costs, so it is done apart; what a service does is covered by its own tests.
COUNTED := common older newer unit
lane-restores: TESTS := -m "e2e and not disaster" $(SOCKETS) tests/resilience/test_restores.py
lane-faults: TESTS := -m "e2e and not disaster" $(SOCKETS) tests/demo tests/resilience \
	--ignore=tests/resilience/test_restores.py
lane-story: TESTS := -m e2e $(SOCKETS) tests/e2e
lane-fuzz: TESTS := -m e2e $(SOCKETS) tests/fuzz
lane-partners: TESTS := -m e2e $(SOCKETS) tests $(addprefix --ignore=tests/,resilience e2e fuzz demo)
lane-bench: TESTS := -m "$(SERVERS)" bench
lane-unit: TESTS := -m "$(UNIT)"
lane-unit: RUN := nice -n 19 $(PYTEST)
lane-newer: TESTS := -m "$(SERVERS)" services/analytics services/alerting services/retention
lane-older: TESTS := -m "$(SERVERS)" services/ingester services/compliance
lane-common: TESTS := -m "$(SERVERS)" libs contracts deploy tests --ignore=$(PLANS) --ignore=$(INSTALLS)
lane-plans: TESTS := -m "$(SERVERS)" $(PLANS)
lane-installs: TESTS := -m "$(SERVERS)" $(INSTALLS)

.PHONY: $(LANES:%=lane-%) $(FAULTS:%=lane-%)
$(LANES:%=lane-%) $(FAULTS:%=lane-%): lane-%: setup
	@echo "  $* begins"; mkdir -p .run/lanes
	@$(RUN) $(TESTS) >.run/lanes/$* 2>&1 || { cat .run/lanes/$*; echo "  $* FAILED"; exit 1; }
	@echo "  $*:"; grep -v '^[.s]* *\[' .run/lanes/$*

# ---- setup: a stamp each, so the second time costs nothing and needs no network

$(PY):
	@echo "Nothing is set up yet: run 'make setup', or 'make up' at once."; exit 1

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and there is none on the PATH." \
		"Debian and Ubuntu have it in the package python3."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < $(OLDEST))' 2>/dev/null || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is not. Debian and Ubuntu have it in the package python3."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv is needed, and is not there." \
		"Debian and Ubuntu have it in the package python3-venv."; exit 1; }
	@cd deploy/local/src && $(PYTHON) -c 'import sys; from clawback_local.kafka import missing_tools; sys.exit(missing_tools() or None)'
	$(call say,virtual environment ($(VENV)))
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@touch $@

$(UV): $(VENV)/.python requirements/uv.txt
	$(call say,uv)
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(VENV)/.requirements: requirements/dev.txt $(UV)
	$(call say,packages: pinned and hashed)
	@$(UV) pip install --python $(PY) --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.packages: $(VENV)/.requirements $(addsuffix /pyproject.toml,$(PACKAGES))
	$(call say,our own packages)
	@$(UV) pip install --quiet --python $(PY) --no-build-isolation --no-deps $(addprefix -e ,$(PACKAGES))
	@mkdir -p .run && touch $@

$(VENV)/.kafka: deploy/local/pom.xml $(VENV)/.packages
	@test -n "$${KAFKA_BOOTSTRAP_SERVERS:-}" || $(LOCAL) fetch
	@touch $@

# A client that some tests use; without it they say so, and everything else works.
$(VENV)/.clients: tests/clients/node/package-lock.json $(VENV)/.packages
	@$(PY) -m tests.clients
	@touch $@
