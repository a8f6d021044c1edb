# Every target sets up .venv by itself when it is missing or pyproject.toml has changed.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
# One thread a worker: two OpenMP threads on a busy core are slower than one.
TEST_ENV := OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false

.PHONY: setup demo test lint types check nano results bench clean

setup: $(READY)

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(READY)

demo: $(READY)
	$(BIN)/vilasr demo

test: $(READY)
	$(TEST_ENV) $(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

check: lint types test

# Rebuilds the embedded model from nothing and measures it: seven hours on two cores; resumes where it was stopped.
nano: $(READY)
	$(BIN)/python -m vilasr.training.nano.build
	$(BIN)/python -m vilasr.experiments.card

# Runs or goes on with all experiments and writes docs/results.md: hours; make results ARGS=--list shows what is left.
results: $(READY)
	$(BIN)/python -m vilasr.experiments $(ARGS)

bench: $(READY)
	@for script in benchmarks_perf/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache build dist src/*.egg-info
