# Everything runs in .venv, which `make env` fills with the versions of constraints.txt: wheels only.
# TORCH=cuda takes the newest torch of the package index, which on Linux is a CUDA build. A CUDA torch
# that is already installed for $(PYTHON) is used as it is.

PYTHON ?= python3.11
TORCH ?= cpu
DATA ?=
SECONDS ?= 60
OUT ?= outputs/demo
BIN := .venv/bin

.PHONY: env demo test check lint types layers slow torture bench claims docs clean

env: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt
	@if $(PYTHON) -c "import sys, torch; sys.exit(torch.version.cuda is None)" 2>/dev/null; then \
	  echo "using the CUDA build of torch that $(PYTHON) has"; \
	  $(PYTHON) -m venv --system-site-packages .venv; \
	else $(PYTHON) -m venv .venv; fi
	@if [ "$(TORCH)" = cuda ] || $(BIN)/python -c "import torch" 2>/dev/null; then \
	  grep -v -e '^torch==' -e '^triton==' constraints.txt > .venv/constraints.txt; else cp constraints.txt .venv/constraints.txt; fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .venv/constraints.txt --editable '.[dev,docs]'
	@touch $@

demo: env
	$(BIN)/python examples/01_demo.py --out $(OUT) --seconds $(SECONDS) $(if $(DATA),--data $(DATA))

test: check
	$(BIN)/python -m pytest -n auto

check: env lint types layers

lint:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types:
	$(BIN)/pyright

layers:
	$(BIN)/lint-imports

slow: env
	$(BIN)/python -m pytest -m slow

torture: env
	$(BIN)/python -m pytest -m torture -s

bench: env
	$(BIN)/python benchmarks/captures.py
	$(BIN)/rayloom bench --out benchmarks/results

claims: env
	$(BIN)/rayloom claims

docs: env
	$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf .venv outputs site .pytest_cache .ruff_cache .hypothesis
