# The house's commands. `make demo` and `make test` need Python >= 3.11, pip and nothing else.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test e2e bench lint format lock wheel clean

help: ## Show this list
	@sed -n 's/^\([a-z0-9]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

# The developer's environment: locked, with hashes, in a directory of its own.
$(READY): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is older than 3.11; say PYTHON=... "; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "no venv module: apt-get install python3-venv"; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## Run the main job on the embedded store; KEEP=1 leaves it running
	$(BIN)/otel-bridge demo --dir build/demo $(if $(filter-out 0,$(KEEP)),--keep)

test: $(READY) ## Unit, property and loopback integration tests; no service needed
	$(BIN)/python -m pytest -m "not e2e"

# JAEGER_BIN names a Jaeger v2 binary to use instead of the one that is built, once, from the Go module.
e2e: $(READY) ## The example on a real Jaeger, RabbitMQ and MariaDB
	@if [ ! -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || [ ! -x /usr/sbin/mariadbd ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    export DEBIAN_FRONTEND=noninteractive; \
	    apt-get update -qq && \
	    apt-get install -y -qq --no-install-recommends rabbitmq-server mariadb-server </dev/null; \
	  else \
	    echo "install Debian's packages rabbitmq-server and mariadb-server first"; exit 1; \
	  fi; \
	fi
	PYTHONPATH=tests $(BIN)/python -m e2e.jaeger
	OTEL_BRIDGE_E2E_REQUIRE=1 $(BIN)/python -m pytest -m e2e tests/e2e

bench: $(READY) ## Cost against the peers, in one run; writes bench.json
	$(BIN)/python -m benchmarks --json bench.json

lint: $(READY) ## ruff and mypy --strict
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY) ## Let ruff format and fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(READY) ## Renew requirements/dev.lock
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links --all-extras \
	  pyproject.toml requirements/dev.in -o requirements/dev.lock

wheel: $(READY) ## Build sdist and wheel into dist/
	$(BIN)/python -m hatchling build

clean: ## Remove what the other targets made
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis trace.html bench.json
