# `make demo` and `make test` need Python 3.11 or newer and nothing else: everything goes to .venv.
#   make test PYTHON=/path/to/python3.12     another interpreter
#   make pytest ARGS="-k leaky"              one part of the tests

PYTHON ?= $(shell for p in python3.11 python3; do $$p -c "" 2>/dev/null && echo $$p && break; done)
ARGS ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --no-input --disable-pip-version-check
PINNED := --constraint constraints.txt --build-constraint constraints.txt

.DEFAULT_GOAL := help
# Tests start many processes, and are themselves compiled anew for their messages: all of that once.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help demo test lint pytest numeric format wheel clean

# Where a number could hang on how a processor rounds: least squares, ridge, ranks, near-collinear
# regressors. Run with two kernels of OpenBLAS.
NUMERIC := \
  tests/app/checks/test_clean.py \
  tests/bids/reading/test_heart_and_breath.py \
  $(addprefix tests/compare/crossvalidation/test_,compare.py same_samples.py) \
  $(addprefix tests/compare/inference/test_,curvature.py long_run.py slopes.py) \
  tests/compare/inference/test_laplace.py::test_directions_without_curvature_are_left_out \
  tests/compare/splits/test_stimulus_folds.py \
  $(addprefix tests/compare/statistics/test_,ceiling.py mixed.py partition.py parts.py) \
  tests/data/physiology \
  $(addprefix tests/data/runs/test_,align.py nuisance.py targets.py) \
  $(addprefix tests/fit/baselines/test_,autoregressive.py design.py glm.py least_squares.py \
    library.py ridge.py) \
  tests/fit/estimators/test_responses.py \
  tests/fit/maps/test_ridge.py \
  $(addprefix tests/fit/rest/test_,linear_noise.py whittle.py) \
  $(addprefix tests/maths/estimation/test_,masked.py ridge.py ridge_search.py weight_prior.py) \
  tests/maths/loops/test_fixed.py \
  $(addprefix tests/maths/metrics/test_,ceiling.py likelihood.py scores.py shifted.py \
    training_nuisance.py) \
  $(addprefix tests/maths/signals/test_,hrf.py moments.py spectra.py)
.DELETE_ON_ERROR:

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

demo: .venv/package.stamp ## Fit and compare two models on the data that come with the package
	$(BIN)/drmbids demo

test: lint pytest numeric ## All checks: what continuous integration runs

lint: .venv/test.stamp ## Style, layers of the package, types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/basedpyright --pythonpath $(BIN)/python

# One thread for each of the two workers, so that they do not fight over the cores. Each begins with
# half of the files, so that what the tests of a file share is made once.
pytest: .venv/test.stamp ## Unit tests and the examples in docstrings
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

numeric: .venv/test.stamp ## Tests of numbers once more, as another processor would round them
	OPENBLAS_CORETYPE=$$($(BIN)/python tests/other_kernel.py) ATEN_CPU_CAPABILITY=default \
	  OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal $(NUMERIC)

format: .venv/test.stamp ## Put the code in shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

wheel: .venv/package.stamp ## Build dist/*.whl
	$(PIP) wheel --no-deps --build-constraint constraints.txt --wheel-dir dist .

clean: ## Remove what these targets made
	rm -rf .venv .demo drmbids_demo build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# Installed again only when the metadata or the pinned versions change. The package is editable, so
# that the demo and the tests run the checkout as it is.
.venv/package.stamp: .venv/pip.stamp pyproject.toml
	$(PIP) install $(PINNED) --editable .
	@touch $@

.venv/test.stamp: .venv/package.stamp
	$(PIP) install $(PINNED) --group test
	@touch $@

# The pip of an old Python knows neither dependency groups nor build constraints.
.venv/pip.stamp: constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null || { \
	  echo "drmbids needs Python 3.11 or newer, found '$(PYTHON)'; try: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(PIP) install --constraint constraints.txt --upgrade pip
	@touch $@
