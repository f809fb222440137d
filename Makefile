PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint types layers docs check clean

demo: $(VENV)/.core  ## set up, then make a slow query fast on an embedded database
	$(VENV)/bin/qw optimize examples/sign_up_numbers.sql --db shop

test: $(VENV)/.dev  ## set up, then run the tests
	$(VENV)/bin/python -m pytest -n 2

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check src tests benchmarks
	$(VENV)/bin/ruff format --check src tests benchmarks

types: $(VENV)/.dev
	$(VENV)/bin/mypy

layers: $(VENV)/.dev
	$(VENV)/bin/lint-imports

docs: $(VENV)/.dev  ## write docs/reference from docstrings and --help
	$(VENV)/bin/python docs/generate.py

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

clean:
	rm -rf $(VENV) build dist src/*.egg-info
