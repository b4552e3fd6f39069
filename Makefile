# Every door of the house. Needs make and some Python >= 3.11; all the rest goes into .venv.
#
#   PYTHON=/path/to/python make test     choose the Python that .venv is made with
#   make test ARGS="-k sleep -x"         pass arguments on (test, check-house, cover, mutants, soak, demo, bench)

SHELL = /bin/sh
PYTHON ?=
ARGS ?=

VENV := .venv
PY := $(VENV)/bin/python
MARKS := $(VENV)/marks
PIP := $(PY) -m pip --disable-pip-version-check install --quiet
TYPED := $(wildcard src tests benchmarks scripts)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test check check-lint check-format check-types check-law check-typing \
	check-house check-docs docs format cover mutants soak bench setup clean moved

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

demo: $(MARKS)/demo ## see corago at work, in a minute, with nothing to install by hand
	@$(VENV)/bin/corago demo $(ARGS)

test: $(MARKS)/test ## run the whole test suite
	@$(PY) -m pytest $(ARGS)

check: check-lint check-format check-types check-law check-typing check-house check-docs ## lint, format, types, import law, house rules, docs

check-lint: $(MARKS)/dev ## ruff: every rule, with reasoned waivers
	@$(PY) -m ruff check

check-format: $(MARKS)/dev ## ruff: one way to lay out code
	@$(PY) -m ruff format --check

check-types: $(MARKS)/dev ## mypy, strict
	@$(PY) -m mypy $(TYPED)

check-law: $(MARKS)/dev ## import-linter: imports run down only
	@$(VENV)/bin/lint-imports --no-logo --no-cache

check-typing: $(MARKS)/dev ## basedpyright: a second opinion on the face users see
	@if [ -d tests/typing ]; then $(VENV)/bin/basedpyright tests/typing; fi

check-house: $(MARKS)/test ## the house rules, which are tests
	@$(PY) -m pytest -q tests/tidy $(ARGS)

check-docs: docs ## the documentation builds, warnings being errors

docs: $(MARKS)/dev ## build the documentation, to docs/_build/html
	@$(VENV)/bin/sphinx-build -E -W --nitpicky --keep-going --quiet -b html docs docs/_build/html

format: $(MARKS)/dev ## lay out the code and repair what ruff can
	@$(PY) -m ruff check --fix
	@$(PY) -m ruff format

# coverage begins before pytest, which loads corago with its plugin
cover: $(MARKS)/test ## run the tests and show what they do not reach
	@$(PY) -m coverage erase
	@status=0; $(PY) -m coverage run -m pytest $(ARGS) || status=$$?; \
	$(PY) -m coverage combine -q; $(PY) -m coverage report; exit $$status

mutants: $(MARKS)/test ## every known fault of a store or a backend against every check, then deliberate bugs against the tests; takes its time
	@$(PY) -m pytest -q tests/conformance/matrix.py $(ARGS)
	@$(PY) scripts/mutants.py

soak: $(MARKS)/test ## simulated worlds for a minute, or as told: ARGS="--seconds 600", ARGS="--seeds 10000 --from 0 --jobs 2"
	@$(PY) -m tests.simulation.soak $(ARGS)

bench: $(MARKS)/test ## measure
	@$(PY) -m benchmarks $(ARGS)

setup: $(MARKS)/dev ## make .venv with everything a contributor needs

clean: ## remove everything that was made, .venv too
	rm -rf $(VENV) build dist docs/_build htmlcov .coverage .coverage.* .hypothesis
	rm -rf .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------------------------------- set-up
# One mark for each set of requirements. A mark is renewed when pyproject.toml is newer, and all of
# them when the tree was copied or moved, because .venv holds the path of its tree, or when the
# Python that .venv was made with is gone.

ifneq ($(shell test -x $(PY) && cat $(MARKS)/place 2>/dev/null),$(CURDIR))
$(MARKS)/place: moved
endif

$(MARKS)/place:
	@$(find_python) \
	echo "Making $(VENV) with $$("$$found" --version) ..."; \
	rm -rf $(VENV) && "$$found" -m venv $(VENV) && mkdir -p $(MARKS) && printf '%s\n' "$(CURDIR)" >$@

$(MARKS)/demo: pyproject.toml $(MARKS)/place
	@echo "Installing corago into $(VENV) ..."
	@$(PIP) -e .
	@touch $@

$(MARKS)/test: pyproject.toml $(MARKS)/place
	@echo "Installing corago and what its tests need into $(VENV) ..."
	@$(PIP) -e '.[test]'
	@touch $(MARKS)/demo $@

$(MARKS)/dev: pyproject.toml $(MARKS)/place
	@echo "Installing corago, its tests' needs and the checkers into $(VENV) ..."
	@$(PIP) -e '.[dev]'
	@touch $(MARKS)/demo $(MARKS)/test $@

# The first of the usual names that runs, is new enough and can make a virtual environment. A name
# on the PATH proves nothing: version managers leave names there that only print an error.
define find_python
found=; lame=; \
for name in $(PYTHON) python3.14 python3.13 python3.12 python3.11 python3 python; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	if "$$name" -c 'import ensurepip, venv' >/dev/null 2>&1; then found=$$name; break; fi; \
	[ -n "$$lame" ] || lame=$$name; \
done; \
if [ -z "$$found" ] && [ -n "$$lame" ]; then \
	package=$$("$$lame" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
	echo "$$lame cannot make a virtual environment: its ensurepip is missing." >&2; \
	echo "On Debian or Ubuntu it is in a package of its own: apt-get install $$package" >&2; \
	exit 1; \
fi; \
if [ -z "$$found" ]; then \
	echo "corago needs Python 3.11 or newer, and none was found (tried: $(PYTHON) python3.14" >&2; \
	echo "python3.13 python3.12 python3.11 python3 python)." >&2; \
	echo "On Debian or Ubuntu: apt-get install python3 python3-venv" >&2; \
	echo "A Python elsewhere: make PYTHON=/its/path/python3 ..." >&2; \
	exit 1; \
fi;
endef
