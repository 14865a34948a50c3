# The project's commands. Needs make, bash and Python 3.11 or newer; `make test` and pm2 need Node.js too.
# Everything that is made lands in this folder: .venv*, node_modules, .run (uv and npm keep their caches in your
# home). The one exception: `make test` needs a Chromium to look at the report. It looks for one first, installs
# Debian's if it is root, and else says so before it makes anything.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
setup := PYTHON="$(PYTHON)" scripts/setup

.DEFAULT_GOAL := help
.PHONY: help mine demo tune-demo improve-demo test check lint unit hard fuzz docs lock clean

help: ## show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  make \1\t/' | expand -t 20

mine: ## set up a miner: vLLM if there is an NVIDIA GPU, pm2, five questions (.env), the start, and what is still wrong
	@$(setup) venv pm2 $$(if nvidia-smi -L > /dev/null 2>&1; then echo gpu; fi)
	@test -f .env || $(BIN)/logicnet init
	@node_modules/.bin/pm2 start ecosystem.config.js
	@$(BIN)/logicnet doctor || echo "A model that does not answer yet may still be loading. Mend the other errors, then: .venv/bin/logicnet doctor"

demo: ## ask a miner with a real vLLM ten questions, score them (DEMO_KEEP=1 stays); first time: 90 s of set-up, 4 GB
	@$(setup) venv vllm model
	@$(BIN)/logicnet demo $(if $(filter-out 0,$(DEMO_KEEP)),--keep)

tune-demo: ## train the demo's model on 200 generated questions, measured before and after; ten minutes, 6 GB
	@$(setup) venv vllm model tune
	@$(BIN)/logicnet tune demo

improve-demo: ## one round of the loop: practise, train, prove, swap; 25 minutes on two cores, 6 GB
	@$(setup) venv vllm model tune
	@$(BIN)/logicnet tune improve-demo

test: ## run every test: lint, types, unit (the thorough ones, too), end to end; set-up: three minutes, 6 GB
	@$(setup) browser venv scoring vllm model tune ray amr bt10 pm2 docs
	@$(MAKE) lint unit docs
	@$(MAKE) hard SHORT=1
	@$(BIN)/python -m pytest tests/tuning tests/e2e $(PYTEST)

check: ## the daily loop, under two minutes: lint, types, all unit tests but the thorough ones; set-up: half a minute
	@$(setup) venv
	@$(MAKE) -j 2 lint unit MARKED="-m 'not thorough'"

lint:
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy logicnet neurons scripts tests/typing
	@$(BIN)/codespell

unit: # a worker more than processors: tests wait, too
	@$(BIN)/python -m pytest -q -n $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --maxprocesses 8 --dist worksteal tests/unit $(MARKED) $(PYTEST)

hard: ## attack a running miner in every way known, with a table of what it cost: under 20 minutes (SHORT=1: three)
	@$(setup) venv ray $(if $(filter-out 0,$(SHORT)),,fuzz)
	@$(BIN)/python -m pytest -q tests/hard --ignore tests/hard/test_linear.py $(if $(filter-out 0,$(SHORT)),--ignore tests/hard/test_fuzz.py,--full) $(PYTEST)
	@$(BIN)/python -m pytest -q -n $$(getconf _NPROCESSORS_ONLN) --maxprocesses 8 --dist worksteal tests/hard/test_linear.py $(PYTEST)

fuzz: ## fuzz the readers of strangers' texts, ten minutes each (FUZZ_S=seconds); what breaks one is kept in .run/fuzz
	@$(setup) venv fuzz
	@for reader in header body answer expression profile; do $(BIN)/python -m tests.hard.fuzz $$reader $(or $(FUZZ_S),600) .run/fuzz; done

docs: ## build the docs site into .run/site; a broken link or a warning is an error
	@$(setup) docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict && echo "The site: .run/site/index.html. With search: python3 -m http.server -d .run/site"

lock: ## remake requirements/miner.txt, the miner's packages with their hashes (UPGRADE=1: the newest versions)
	@$(setup) venv
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
	| $(BIN)/uv pip compile --quiet --universal --generate-hashes --custom-compile-command "make lock" \
		$(if $(filter-out 0,$(UPGRADE)),--upgrade) pyproject.toml - --output-file requirements/miner.txt

clean: ## remove everything that was made, but .env
	@rm -rf .venv .venv-vllm .venv-gpu .venv-tune .venv-bt10 node_modules .run .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
