# Two commands do everything: `make demo` and `make test`. Both rest on `make setup`.
PYTHON ?= python3
BIN := .venv/bin
RUN := $(BIN)/python -m
DEMO_ARGS ?=
TEST_ARGS ?=
BENCH_ARGS ?=
# A process a core; `make test WORKERS=0` runs one test after another.
WORKERS ?= auto
SOAK ?= 1000

.DEFAULT_GOAL := help
.PHONY: help setup system demo test lint unit synth catalogue lock docs bench soak acceptance-aws clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 18

setup: .venv/ready ## make .venv with ds-ec2 in it, from the lock files

.venv/ready: requirements/all.txt requirements/uv.txt pyproject.toml
	$(PYTHON) scripts/check_python.py
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements/all.txt requirements/uv.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch .venv/ready

system: ## install what the tests use from Debian (needs root and apt; else says what is missing)
	@sh scripts/system_packages.sh --tests

demo: setup ## network, machine and JupyterLab on the embedded AWS (DEMO_ARGS=--once: check and tear down)
	@sh scripts/system_packages.sh
	$(BIN)/ds-ec2 demo $(DEMO_ARGS)

test: setup system lint .venv/awscli/ready node_modules/ready ## the whole suite
	$(RUN) pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder $(TEST_ARGS) || { \
	  test $$? -eq 1 && echo "Once more what failed, one test after another (docs/decisions/0115):" && \
	  $(RUN) pytest --last-failed --last-failed-no-failures none $(TEST_ARGS); }

.venv/awscli/ready: .venv/ready requirements/awscli.txt
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv/awscli
	$(BIN)/uv pip sync --quiet --python .venv/awscli/bin/python --require-hashes requirements/awscli.txt
	touch $@

node_modules/ready: .venv/ready package-lock.json
	PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent
	touch $@

lint: setup ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

synth: setup ## write the CloudFormation templates into the package
	$(RUN) ds_ec2_cdk.synth

catalogue: setup ## write the catalogue of instance types into the package
	$(BIN)/python scripts/catalogue.py

lock: ## pin the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --all-extras --upgrade pyproject.toml -o requirements/all.txt
	echo uv | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --upgrade - -o requirements/uv.txt

	cd requirements && ../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --upgrade awscli.in -o awscli.txt

soak: setup system ## interruptions and kills of up and down at random calls, for hours (SOAK=rounds)
	$(RUN) pytest -s tests/local/interruptions -k random --soak $(SOAK)

acceptance-aws: setup ## the scenarios on the account of the environment: IT BILLS
	$(RUN) pytest tests/browser --target aws

docs: setup ## write the references of commands and permissions
	$(BIN)/python scripts/command_reference.py
	$(BIN)/python scripts/permissions_reference.py

bench: setup ## measure, and write docs/reference/benchmarks.md (BENCH_ARGS=boot: boots alone, printed)
	$(RUN) benchmarks $(BENCH_ARGS)

clean: ## remove what the other targets made
	rm -rf .venv node_modules cdk.out artefacts build dist
