# The whole developer interface. Each target does its own set-up in .venv; doing it twice costs seconds.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
TEST_STAMP := $(VENV)/.stamp-test

.PHONY: demo test check bench docs clean

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(TEST_STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[pandas,lightgbm,keras,serve,onnx,dask,mlflow]" --group test --group check
	@touch $@ $(STAMP)

demo: $(STAMP)
	@$(BIN)/python -m counterpoise.cli.demo --out out/demo

test: $(TEST_STAMP)
	@$(BIN)/python -m pytest -n 2 --dist worksteal

check: $(TEST_STAMP)
	@$(BIN)/ruff check src tests bench examples docs
	@$(BIN)/ruff format --check src tests bench examples docs
	@$(BIN)/mypy
	@$(BIN)/numpydoc lint $$(git ls-files 'src/*.py')
	@$(BIN)/python -m pytest tests/contract/test_house.py

bench: $(TEST_STAMP)
	@$(BIN)/python -m bench.run

docs: $(TEST_STAMP)
	@$(BIN)/python -m sphinx -n -W --keep-going -q -b html docs docs/_build
	@echo "docs: docs/_build/index.html"

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache out build dist
