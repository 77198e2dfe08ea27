# `make` alone prints the targets. What is set up already is not set up again (libs/linnaeus/runtime/bootstrap.py).
PYTHON ?= python3
VENV_PYTHON := .venv/bin/python
ENV ?= local
# uv compiles no module: the first run that imports one keeps it compiled, or every command would compile it again.
unexport PYTHONDONTWRITEBYTECODE
BOOTSTRAP := PYTHONPATH=libs $(PYTHON) -m linnaeus.runtime.bootstrap
# Two workers, a file's tests on one of them, the longest files first (tests/durations.json). Compiled tests are kept.
PYTEST = PYTHONDONTWRITEBYTECODE= $(VENV_PYTHON) -m pytest tests -n 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup sample test test-unit test-slow test-ci test-soak test-durations coverage bench notebooks lint docs clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## .venv with the pinned packages, the embedder, Spark's jars
	@$(BOOTSTRAP)

# The same, with extras of setup.py beside it. What one target has installed stays for the others.
.PHONY: _test _lint _docs
_test _lint _docs:
	@$(BOOTSTRAP) $(@:_%=%)

sample: setup ## set up, then run the whole suite on the sample data
	@$(VENV_PYTHON) -m jobs.make_sample --env $(ENV)
	@$(VENV_PYTHON) -m jobs.flow --env $(ENV)

test: _test ## set up, then the tests
	@$(PYTEST) -m "not slow"

test-unit: _test ## the tests that need no Spark
	@$(PYTEST) -m unit

test-slow: _test ## the tests that take minutes
	@$(PYTEST) -m "slow and not soak"

test-ci: _test ## the tests of test and test-slow in one run, which starts Spark once
	@$(PYTEST) -m "not soak"

test-soak: _test ## slow ones that CI has no time for: kills at all points, twenty rounds of writers, seldom settings
	@$(VENV_PYTHON) -m pytest tests -m soak

test-durations: _test ## the tests of test-ci, and what each takes into tests/durations.json
	@$(PYTEST) -m "not soak" --write-durations

coverage: _test ## the tests of `make test`, and how much of libs and jobs they run (what runs in Spark's workers is not seen)
	@$(PYTEST) -m "not slow" --cov --cov-report=term:skip-covered --cov-report=html

bench: _test ## how to print the benchmarks' figures
	@echo "Each benchmark prints its own figures; run the one you want:"
	@for file in $$(grep -ls __main__ tests/benchmarks/*.py); do \
		echo "  $(VENV_PYTHON) -m tests.benchmarks.$$(basename $$file .py)"; done

notebooks: setup ## notebooks/*.py as Jupyter's, in build/notebooks
	@$(VENV_PYTHON) -m linnaeus.suite.notebooks notebooks build/notebooks

lint: _lint ## ruff and mypy
	@$(VENV_PYTHON) -m ruff check .
	@$(VENV_PYTHON) -m ruff format --check .
	@$(VENV_PYTHON) -m mypy

docs: _docs ## the documentation as a site, site/index.html; a link that leads nowhere fails it
	@NO_MKDOCS_2_WARNING=1 $(VENV_PYTHON) -m mkdocs build --strict --quiet
	@echo "site/index.html"

clean: ## remove .venv, what was fetched, and the tables (lake/) with their models
	rm -rf .venv .cache lake site build dist libs/*.egg-info htmlcov .coverage .pytest_cache .ruff_cache .mypy_cache .hypothesis
	rm -rf spark-warehouse metastore_db derby.log
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
