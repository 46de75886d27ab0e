# Two commands: `make demo` sets up and runs the main job, `make test` sets up and passes all tests.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.b2ct-stamp
WORKERS ?= $(shell nproc)

# Together 12 minutes on two busy cores, with the images: the whole of `make test` is to stay under an hour.
QUICK_SCENARIOS := base squid tls

# Of the failover pair what an admin would try first.
QUICK_PAIR := the_roles_make_a_pair a_second_run_changes_nothing_in_check_mode_or_for_real \
	the_active_node_s_plug_is_pulled_under_load the_checks_of_verify_hold
QUICK_LAB := $(foreach name,$(QUICK_PAIR),'tests/lab/test_ha.py::test_$(name)[heartbeat]')
LAB_TEST := B2CT_LAB_CACHE=$${B2CT_LAB_CACHE:-$(CURDIR)/build/lab} $(BIN)/python -m pytest -q --durations=10 --durations-min=20 -m lab

.PHONY: help setup setup-test demo check test boot-test role-test side-by-side-test lab-own-test lab-quick-test install-test lab-test molecule bench docs format clean

help: ## Say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(STAMP): pyproject.toml tools/link-collection
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip -q install --disable-pip-version-check -e '.[test]'
	tools/link-collection $(BIN)/python
	@touch $@

setup: $(STAMP) ## Make .venv and install the programs that b2ct calls
	@tools/setup-system tools/apt-run.txt

setup-test: setup ## The same for the tests
	@tools/setup-system tools/apt-test.txt

demo: setup ## Check, render and build the example site's install media
	@PATH="$(CURDIR)/$(BIN):$$PATH" tools/demo

check: setup-test ## The fast tier: lint, types, unit, golden, contract (under 3 minutes)
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -n $(WORKERS) -m "not boot and not slow and not install and not lab"

boot-test: setup-test ## Boot every kind of medium in QEMU
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal --durations=25 --durations-min=20 -m "boot or slow"

role-test: setup-test ## Test some roles in containers: the scenarios that are quick
	WORKERS=$(WORKERS) tools/molecule test $(QUICK_SCENARIOS)

lab-own-test: setup-test ## The lab itself, and a SAN of iSCSI in it
	$(LAB_TEST) tests/lab/test_lab.py tests/lab/test_iscsi.py

# Where they wait for each other's machines, nothing depends on how long: side by side, with each one's words together.
side-by-side-test: setup-test
	$(MAKE) --jobs=2 --output-sync=target role-test lab-own-test

lab-quick-test: setup-test ## The failover pair on virtual machines: alone, for what it does hangs on time
	$(LAB_TEST) $(QUICK_LAB)

test: check boot-test side-by-side-test lab-quick-test ## Everything but whole installations, long scenarios and clusters

install-test: setup-test ## One whole unattended installation of Debian in QEMU, to ssh
	$(BIN)/python -m pytest -q -s -m install

lab-test: setup-test ## Clusters of virtual machines in QEMU: power, cables, shared disks
	$(LAB_TEST) -s

molecule: setup-test ## Test the roles in containers: all scenarios, or SCENARIO=squid
	WORKERS=$(WORKERS) tools/molecule test $(SCENARIO)

bench: setup-test ## Measure media and rendering against their physical limits
	$(BIN)/python benchmarks/load.py
	$(BIN)/python benchmarks/media.py
	$(BIN)/python benchmarks/load.py
	$(BIN)/python benchmarks/render.py

docs: setup ## Write docs/reference/ from the source
	$(BIN)/python tools/generate-docs

format: setup ## Format the source
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

clean: ## Remove everything that make made
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
