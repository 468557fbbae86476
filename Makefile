# `make demo` and `make test` set up everything they need in .venv, and run.
PYTHON ?= python3
EXTRAS ?= test
BIN := .venv/bin

.PHONY: demo test test-long parity bench page table clean

demo: .venv/demo
	$(BIN)/wengert demo

test: .venv/$(EXTRAS)
	$(BIN)/ruff check src tests tools benchmarks examples
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 -m "not long"

test-long: .venv/$(EXTRAS)
	$(BIN)/python -m pytest -m long

# The same tests with those against PyTorch, which otherwise skip.
parity:
	$(MAKE) test EXTRAS=test,parity

bench: .venv/test,parity
	$(BIN)/python -m benchmarks $(CASES)

# The trace page, from TypeScript; it needs Node, and the tests tell when it must be built again.
page:
	cd page && npm ci --silent && npm run --silent check && npm run --silent build

table: .venv/test
	$(BIN)/python tools/coverage_table.py

.venv/%: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[$*]"
	touch $@

clean:
	rm -rf .venv build dist wengert-demo
