# `make demo` and `make test` set up everything they need in .venv, and run.
PYTHON ?= python3
EXTRAS ?= test
# Of another environment: make test VENV=.venv-3.13 PYTHON=python3.13 NUMPY="numpy==2.2.*"
VENV ?= .venv
NUMPY ?=
BIN := $(VENV)/bin
QUICK := core variable views ownership derivatives plain_numpy operands layers optimizers schedulers training documents house

.PHONY: demo test quick check test-long parity bench page table clean

demo: $(VENV)/demo
	$(BIN)/wengert demo

test: $(VENV)/$(EXTRAS)
	$(BIN)/python -m pytest -n 2 -m "not long"

# The heart of it, in less than a minute.
quick: $(VENV)/$(EXTRAS)
	$(BIN)/python -m pytest -n 2 -m "not long" $(QUICK:%=tests/test_%.py)

# What checks the code itself, for who changes it; it is no part of the tests, for it changes with each checker.
check: $(VENV)/test,check
	$(BIN)/ruff check src tests tools benchmarks examples
	$(BIN)/mypy

test-long: $(VENV)/$(EXTRAS)
	$(BIN)/python -m pytest -m long

# The same tests with those against PyTorch, which otherwise skip.
parity:
	$(MAKE) test EXTRAS=test,parity

bench: $(VENV)/test,parity
	$(BIN)/python -m benchmarks $(CASES)

# The trace page, from TypeScript; it needs Node, and the tests tell when it must be built again.
page:
	cd page && npm ci --silent && npm run --silent check && npm run --silent build

table: $(VENV)/test
	$(BIN)/python tools/coverage_table.py

$(VENV)/%: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[$*]" $(if $(NUMPY),"$(NUMPY)")
	touch $@

clean:
	rm -rf .venv .venv-* build dist wengert-demo
