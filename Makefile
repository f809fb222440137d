PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
SPACE := environments/querywright_env
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test test-duckdb-2 lint types layers docs check space clean

demo: $(VENV)/.core  ## set up, then make a slow query fast on an embedded database
	$(VENV)/bin/qw optimize examples/sign_up_numbers.sql --db shop

test: $(VENV)/.dev  ## set up, then run the tests
	$(VENV)/bin/python -m pytest -n 2 --dist worksteal

test-duckdb-2: $(VENV)-duckdb-2/.dev  ## the engine, rewrites, verification and measurement on DuckDB 2.0
	$(VENV)-duckdb-2/bin/python -m pytest -n 2 --dist worksteal tests/engines tests/transforms tests/verification tests/measure \
		--ignore tests/verification/test_bounded.py

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check src tests benchmarks environments
	$(VENV)/bin/ruff format --check src tests benchmarks environments

types: $(VENV)/.dev
	$(VENV)/bin/mypy

layers: $(VENV)/.dev
	$(VENV)/bin/lint-imports

docs: $(VENV)/.dev  ## write docs/reference from docstrings and --help
	$(VENV)/bin/python docs/generate.py

space: $(VENV)/.core  ## build what the environment's image installs: Querywright's wheel and the pins
	rm -rf build $(SPACE)/wheels && mkdir $(SPACE)/wheels
	$(VENV)/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir $(SPACE)/wheels .
	cp constraints.txt $(SPACE)/wheels

check: test lint types layers
	$(VENV)/bin/python docs/generate.py --check

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) -e .
	touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) -e ".[tpc,dev]"
	touch $(VENV)/.core $@

$(VENV)-duckdb-2/.dev: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)-duckdb-2
	sed -e 's/^duckdb==.*/duckdb==2.0.0/' -e '/^duckdb_extension/d' constraints.txt > $(VENV)-duckdb-2/constraints.txt
	$(VENV)-duckdb-2/bin/python -m pip install --quiet --disable-pip-version-check -c $(VENV)-duckdb-2/constraints.txt -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-duckdb-2 build dist src/*.egg-info
