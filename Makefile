# `make results` and `make test` each set everything up on a fresh machine and do their job.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SMOKE := snakemake --workflow-profile profiles/smoke
# a file at a time, in the order of tests/conftest.py
PYTEST := python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
export PATH := $(CURDIR)/$(BIN):$(PATH)
export OMP_NUM_THREADS := 1
export MPLBACKEND := Agg

.PHONY: help setup results full tables continue readme generated docs smoke test test-long benchmark mutants lint audit sbom format clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP)  ## virtual environment with the locked versions

$(STAMP): requirements.lock requirements-nodeps.lock pyproject.toml
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -c 'import sys; sys.exit(not (3, 11, 5) <= sys.version_info < (3, 13) and "Python 3.11 (from 3.11.5) or 3.12 is needed, for which all pinned packages have builds: make PYTHON=python3.11 VENV=.venv311 ...")'
	$(BIN)/python -m pip install --requirement requirements.lock
	$(BIN)/python -m pip install --no-deps --requirement requirements-nodeps.lock
	$(BIN)/python -m pip install --no-deps --no-build-isolation --editable .
	touch $@

results: $(STAMP)  ## demonstrations to tables and figures: the preset of params.yaml
	energyflow results ready
	snakemake --cores all --quiet reason
	snakemake --report results/report.html
	energyflow results commit

full: $(STAMP)  ## the methods and sources of reward that the paper compares, on fewer tasks: hours
	snakemake --cores all --quiet reason --config grid=full

tables: $(STAMP)  ## every table and figure again from the rows in git, without simulators; says what differs
	energyflow results tables

continue: $(STAMP)  ## what the grid lacks after the rows in git: on from where another machine stopped
	energyflow results unpack
	snakemake --cores all --quiet reason -- stage_collect
	snakemake --cores all --quiet reason

readme: $(STAMP)  ## copy the tables that the documents quote into them again
	energyflow results readme

generated: $(STAMP)  ## dvc.yaml and the schema of params.yaml, from the plan
	energyflow job generated

docs: $(STAMP)  ## the documentation site, in build/docs; a warning is an error, and nothing is fetched
	NO_MKDOCS_2_WARNING=1 python -m mkdocs build

smoke: $(STAMP)  ## every rule on the real simulator, in minutes; the numbers mean nothing
	$(SMOKE) --quiet reason -- all stage_studies
	$(SMOKE) --report results/report-smoke.html

test: $(STAMP)  ## fast tests
	$(PYTEST)

test-long: $(STAMP)  ## all tests
	$(PYTEST) -m 'slow or not slow'

MUTANTS ?= 60
benchmark: $(STAMP)  ## every measure of speed against its reference, in one run; 20 minutes
	python -m benchmarks

mutants: $(STAMP)  ## break the code in small places and count what the tests notice: MUTANTS=all, ROOMS="policies rewards"
	python -m tests.mutation $(ROOMS) --count $(MUTANTS)

lint: $(STAMP)  ## style, types, and arrows between rooms that go down
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	mypy
	lint-imports --no-logo

# pip-audit reads the advisories of the package index, cyclonedx-bom writes CycloneDX. In an environment of their own,
# so that neither is among what it looks at.
AUDITOR := build/audit
$(AUDITOR)/.installed:
	python -m venv $(AUDITOR)
	$(AUDITOR)/bin/python -m pip install --quiet pip-audit==2.10.1 cyclonedx-bom==7.5.0
	touch $@

audit: $(STAMP) $(AUDITOR)/.installed  ## known vulnerabilities of the pinned packages; fails where one could not be looked up
	cat requirements.lock requirements-nodeps.lock > build/audit/all.txt
	$(AUDITOR)/bin/pip-audit --strict --disable-pip --no-deps --progress-spinner off --requirement build/audit/all.txt

sbom: $(STAMP) $(AUDITOR)/.installed  ## bill of materials of the environment: build/sbom.json
	$(AUDITOR)/bin/cyclonedx-py environment --pyproject pyproject.toml --of JSON --output-file build/sbom.json $(BIN)/python

format: $(STAMP)  ## rewrite the code in the house style
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow

clean:  ## remove caches and the smoke results; data and results of other presets stay
	rm -rf mutants results/smoke data/smoke logs .snakemake/metadata.db* .pytest_cache .ruff_cache .mypy_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -print | xargs rm -rf
