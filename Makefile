# The whole life of a clone. Needs Python 3.11 or newer and a package index; everything goes into .venv and demo.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell for candidate in python3.11 python3 python3.12 python3.13; do \
	$$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$candidate; break; }; done)
WORKERS ?= 2
PIP_FLAGS ?= --quiet --disable-pip-version-check
BIN := .venv/bin
PACKAGES := qsmnet_bids training benchmarks
# The first that answers (a client without its service does not), asked only where it is needed.
CONTAINER ?= $(eval CONTAINER := $$(shell for program in docker podman; do \
	if $$$$program info >/dev/null 2>&1; then echo $$$$program; break; fi; done))$(CONTAINER)
APPTAINER ?= $(notdir $(firstword $(shell command -v apptainer singularity)))
IMAGE ?= qsmnet-bids:latest
SIF ?= qsmnet-bids.sif
BASE ?= docker.io/library/python:3.11-slim-bookworm

.PHONY: help demo test lint image sif test-container clean

help:
	@echo 'make demo   simulate a head, reconstruct it, print where its report is'
	@echo 'make test   run the whole test suite'
	@echo 'make lint   check style, types and layers'
	@echo 'make image  build the container image, on a base that its digest names'
	@echo 'make sif    build the image for Apptainer'
	@echo 'make test-container  build both images, as far as the programs are there, and test them'
	@echo 'make clean  remove the demo, caches and .venv'

demo: .venv/.installed-phantom
	rm -rf demo
	$(BIN)/qsmnet-bids-phantom demo/bids --subjects 1 --voxel-size 1 1 1 \
		--echo-times 0.004 0.012 0.020 0.028 --field-strength 3 --seed 1
	$(BIN)/python run.py demo/bids demo/out participant group --work-dir demo/work
	@echo 'Group table: $(CURDIR)/demo/out/group.html'
	@echo 'Report: $(CURDIR)/demo/out/sub-01.html'

test: .venv/.installed-test
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal $(PYTEST_FLAGS)

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(PACKAGES)
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.circle-ci .circleci/config.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff

image:
	@test -n '$(CONTAINER)' || { echo 'Docker or Podman is needed; name it: make image CONTAINER=...'; exit 1; }
	$(CONTAINER) image inspect $(BASE) >/dev/null 2>&1 || $(CONTAINER) pull $(BASE)
	$(CONTAINER) build --tag $(IMAGE) --build-arg TAG=$(IMAGE) \
		--build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
		--build-arg BASE="$$($(CONTAINER) image inspect --format '{{index .RepoDigests 0}}' $(BASE))" \
		$(BUILD_FLAGS) .

sif:
	@test -n '$(APPTAINER)' || { echo 'Apptainer is needed; name it: make sif APPTAINER=...'; exit 1; }
	$(APPTAINER) build --force $(SIF_FLAGS) $(SIF) apptainer.def

test-container: .venv/.installed-test
	@test -z '$(CONTAINER)' || $(MAKE) image CONTAINER='$(CONTAINER)'
	@test -z '$(APPTAINER)' || $(MAKE) sif APPTAINER='$(APPTAINER)'
	QSMNET_BIDS_TEST_IMAGE='$(if $(CONTAINER),$(IMAGE))' QSMNET_BIDS_TEST_CONTAINER='$(CONTAINER)' \
		QSMNET_BIDS_TEST_SIF='$(if $(APPTAINER),$(abspath $(SIF)))' QSMNET_BIDS_TEST_APPTAINER='$(APPTAINER)' \
		$(BIN)/python -m pytest tests/containers -rs $(PYTEST_FLAGS)

clean:
	rm -rf demo .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# One stamp for each extra: pip runs again only when what it would install has changed.
.venv/.installed-%: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install $(PIP_FLAGS) --constraint constraints.txt --editable '.[$*]'
	@touch $@

$(BIN)/python:
	@test -n '$(PYTHON)' || { echo 'Python 3.11 or newer is needed; name one: make PYTHON=/path/to/python'; exit 1; }
	$(PYTHON) -m venv .venv
