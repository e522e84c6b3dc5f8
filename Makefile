# Thin on purpose: each target is one or two commands that can be typed by hand.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
# Tests with local clouds wait for timers, retries and builds: of four processes two compute, mostly.
WORKERS ?= 4
# Everything is made anew with `CACHE=off`; docs/push.md.
SYNTH := $(if $(filter off,$(CACHE)),PENSTOCK_SYNTH_CACHE=off )$(BIN)/python -m pipeline.synthesis

# The folder of the service that `make check SERVICE=payments-api` is about.
MODULE := $(subst -,_,$(SERVICE))

.PHONY: help up repository down setup lock check unit types synth prove units evidence test coverage docs bench soak review

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

up: repository setup ## start the local cloud and run the pipeline on this commit, to production (APPROVE=auto answers approvals)
	@$(BIN)/penstock up --approve $(or $(APPROVE),ask) || [ $$? -eq 3 ] # 3: it waits for approval, which is no failure

# Said before anything is fetched for what cannot be deployed.
repository:
	@[ -e .git ] || { echo "$(CURDIR) is no git repository, and the pipeline deploys commits. Clone Penstock, or make this folder one: git init -b main && git add --all && git commit -m 'Start'" >&2; exit 2; }

down: ## stop the local cloud; `penstock down --erase` also forgets what it holds
	@$(BIN)/penstock down

setup: ## install the locked tools (nothing else is needed but python3, git and make)
	@python3 -I pipeline/toolset

lock: ## write the lock files anew after pyproject.toml or package.json changed
	@python3 -I pipeline/toolset lock

check: setup ## the gate for people and pull requests: lint, types, synth with guardrails, fast tests; SERVICE=payments: its part
ifdef SERVICE
	@test -d services/$(MODULE) || { echo "SERVICE=$(SERVICE): no service; give one of $(filter-out library,$(notdir $(wildcard services/*)))." >&2; exit 2; }
	$(BIN)/ruff check services/$(MODULE) stages
	$(BIN)/ruff format --check services/$(MODULE) stages
	$(BIN)/penstock validate
	@$(MAKE) --no-print-directory --jobs 3 --output-sync types synth unit TYPED="services/$(MODULE) stages"
else
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) --no-print-directory types
	$(BIN)/penstock validate
	$(SYNTH)
	$(BIN)/python -m tests.gate # what has passed today on the very same inputs is not run again: docs/decisions/0025-the-gate-remembers-what-passed.md
endif

# A service's own tests, without clouds.
unit:
	$(BIN)/pytest -n 0 -q -m "not cloud and not soak and not slow" services/$(MODULE) $(wildcard tests/services/$(MODULE))

# A cold run over the CDK takes two minutes and 3 GB. Its cache is good for one environment, so it is kept beside that
# for new checkouts to start from; each then has its own, because two that share one spoil it for each other.
types:
	@[ -d .mypy_cache ] || ! [ -d .venv/mypy-cache ] || cp -r .venv/mypy-cache .mypy_cache
	$(BIN)/mypy $(or $(TYPED),.)
	@[ -d .venv/mypy-cache ] || { cp -r .mypy_cache .venv/mypy-cache.$$$$ && mv .venv/mypy-cache.$$$$ .venv/mypy-cache; }

prove: # in the pipeline's build, after synth and before self-mutation: docs/push.md
	@$(BIN)/python -m pipeline.builds.prove --store "$$PENSTOCK_ARTIFACTS"

units: # in the pipeline's build, beside the first stage's deployment: docs/push.md
	@$(BIN)/python -m pipeline.builds.unit_tests --store "$$PENSTOCK_ARTIFACTS"

evidence: # in the pipeline's build, before it asks for an approval: docs/approve.md
	@$(BIN)/penstock evidence "$$STAGE" --execution "$$EXECUTION" --out evidence --aws

review: setup ## what this branch would do to every environment: BASE=revision, default where it left main
	@$(BIN)/penstock review $(BASE)

test: setup ## every test, with local clouds of their own; WORKERS=4 at once
	$(BIN)/pytest -n $(WORKERS) --no-loadscope-reorder # in the order of collection: what takes long first

# What a process measures goes to a file of its own; so do the local clouds and their builds, which get both variables.
coverage: setup ## which lines and branches `make test` runs, in local clouds and builds too; TESTS=paths for a part
	@rm -rf .coverage && mkdir .coverage
	@export COVERAGE_FILE=$(CURDIR)/.coverage/data; \
	COVERAGE_PROCESS_START=$(CURDIR)/pyproject.toml PYTEST_ADDOPTS="$(TESTS)" $(MAKE) --no-print-directory test; failed=$$?; \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage report > .coverage/report.txt; \
	head -n 32 .coverage/report.txt && tail -n 3 .coverage/report.txt; exit $$failed

docs: setup ## the pages as a site in .site/, with strict links; opens without a network
	@NO_MKDOCS_2_WARNING=1 $$(python3 -I pipeline/toolset docs)/bin/mkdocs build --quiet && echo "Open .site/index.html."

bench: setup ## how long things take: each figure as soon as it is measured; on a machine that does nothing else
	$(BIN)/pytest tests/bench -q -p no:randomly -o python_files='bench_*.py' -o python_functions='measure_*'

soak: setup ## the full sizes of what tests show in small; docs/soak.md keeps the last figures
	$(BIN)/pytest -n 2 -m soak -rP --log-level=INFO

synth: setup ## the part of the gate that decides a deployment: stage entries and templates under guardrails; CACHE=off
	$(SYNTH)
