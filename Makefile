# The house's commands. `make demo` and `make test` need Python >= 3.11, pip and nothing else.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
BROWSER := $(VENV)/.browser

.DEFAULT_GOAL := help
.PHONY: help demo test e2e lab-up lab-down boot compare servers bench lint format lock wheel clean

help: ## Show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

# The developer's environment: locked, with hashes, in a directory of its own. The lock is complete, and the
# resolver of older pips takes a package with an extra, which oslo.db asks for, for one that is not in it.
$(READY): requirements/dev.lock pyproject.toml otel_bridge.pth otel_bridge.start
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is older than 3.11; say PYTHON=... "; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "no venv module: apt-get install python3-venv"; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/pip check --quiet --disable-pip-version-check
	@touch $@

# What drives Chromium: 45 MB that only the tests and benchmarks of pages need.
$(BROWSER): requirements/browser.lock $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

demo: $(READY) ## Run the main job on the embedded store; KEEP=1 leaves it running
	$(BIN)/otel-bridge demo --dir build/demo $(if $(filter-out 0,$(KEEP)),--keep)

test: $(READY) ## Unit, property and loopback integration tests; no service needed
	$(BIN)/python -m pytest -m "not e2e"

# JAEGER_BIN names a Jaeger v2 binary to use instead of the one that is built, once, from the Go module.
e2e: $(READY) $(BROWSER) servers ## The example, OpenStack, and pages in Chromium, on real backends
	PYTHONPATH=tests $(BIN)/python -m e2e.jaeger
	PYTHONPATH=tests $(BIN)/python -m e2e.tempo
	OTEL_BRIDGE_E2E_REQUIRE=1 $(BIN)/python -m pytest -m e2e tests/e2e

# A real Nova to look at. Settings: CONNECTION_STRING (and KEYSTONE_CONNECTION_STRING, ...), HMAC_KEY,
# CONCURRENCY=eventlet, OTEL_BRIDGE_OPTIONS="capture_args = true; ..."; OTEL_BRIDGE_LAB is its directory.
LAB := PYTHONPATH=tests $(BIN)/python -m e2e.openstack

lab-up: $(READY) servers ## Start OpenStack with this checkout, or restart it with other settings
	$(LAB) up

lab-down: $(READY) ## Stop OpenStack; PURGE=1 removes its data, too
	$(LAB) down $(if $(filter-out 0,$(PURGE)),--purge)

boot: $(READY) ## Boot a server there with a profile, NAME=..., and print the id of the trace
	@[ -n "$(NAME)" ] || { echo "say NAME=..."; exit 1; }
	$(LAB) boot $(NAME)

compare: $(READY) servers ## Upstream's driver and ours on the same Nova; the table goes into docs/comparison.md
	$(LAB).compare --write docs/comparison.md

# Programs that the lab and the end-to-end tests start, and the Debian packages that have them. uWSGI is
# compiled.
PROGRAMS := /usr/lib/rabbitmq/bin/rabbitmq-server /usr/sbin/mariadbd /usr/bin/redis-server /usr/sbin/apache2 \
  /usr/lib/apache2/modules/mod_wsgi.so /usr/bin/cc /usr/bin/chromium \
  /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
PACKAGES := rabbitmq-server mariadb-server redis-server libapache2-mod-wsgi-py3 gcc libc6-dev python3-dev \
  chromium fonts-dejavu-core

servers:
	@if ! ls $(PROGRAMS) >/dev/null 2>&1; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    export DEBIAN_FRONTEND=noninteractive; \
	    apt-get update -qq && \
	    apt-get install -y -qq --no-install-recommends $(PACKAGES) </dev/null; \
	  else \
	    echo "install Debian's packages first: $(PACKAGES)"; exit 1; \
	  fi; \
	fi

bench: $(READY) $(BROWSER) ## Cost against the peers, in one run; writes bench.json
	$(BIN)/python -m benchmarks --json bench.json

lint: $(READY) ## ruff and mypy --strict
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY) ## Let ruff format and fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
  --no-header --no-annotate --no-emit-index-url --no-emit-find-links
OTHERS  := openstack/requirements readers/osprofiler readers/osprofiler-oldest readers/rally readers/horizon \
  readers/openstackclient

lock: $(READY) ## Renew requirements/*.lock, and those of what the tests run beside us
	$(BIN)/pip install --quiet uv
	$(COMPILE) --generate-hashes --all-extras pyproject.toml requirements/dev.in -o requirements/dev.lock
	$(COMPILE) --generate-hashes --constraint requirements/dev.lock requirements/browser.in -o requirements/browser.lock
	for name in $(OTHERS); do $(COMPILE) tests/e2e/$$name.in -o tests/e2e/$$name.lock || exit 1; done

wheel: $(READY) ## Build sdist and wheel into dist/
	$(BIN)/python -m hatchling build

clean: ## Remove what the other targets made
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis trace.html bench.json
