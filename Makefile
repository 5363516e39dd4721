# Everything that is needed lands in .venv; Python 3.11+ is all that must be there.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
REAL ?= ../shared/real
LITELLM_UP ?= $(REAL)/litellm/up

# Each program that a test starts would compile its modules anew.
unexport PYTHONDONTWRITEBYTECODE

#: What make test-long runs: all that make test leaves out, and the laws with many more examples.
LONG ?= long or hypothesis

.PHONY: demo dist docs test test-long test-real lint bench bench-ssh clean

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: $(VENV)/.ready  ## the main job on an embedded stand-in fleet
	$(BIN)/fleethub demo

dist: $(VENV)/.ready  ## a wheel that installs without this folder
	rm -rf dist && $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

$(VENV)/.docs: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,docs]'
	touch $@

docs: $(VENV)/.docs  ## the site, in build/site: every link is checked, and nothing is loaded from elsewhere
	$(BIN)/python -m docs.site pages build/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	$(BIN)/python -m docs.site check build/site

# worksteal: each worker starts with one half in a row, so that what a module's tests share is started once.
test: $(VENV)/.ready  ## all tests but the long ones, and says how many those are
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not long"

test-long: $(VENV)/.ready  ## what make test leaves out; real systems are skipped unless they are pointed at one
	FLEETHUB_EXAMPLES=$${FLEETHUB_EXAMPLES:-500} $(BIN)/python -m pytest -q -n 2 --dist worksteal -m "$(LONG)"

test-real: $(VENV)/.ready  ## against the real systems, the rows that take minutes too; see tests/real/README.md
	FLEETHUB_OPENCLAW_BIN=$$($(REAL)/openclaw/setup) FLEETHUB_COMPOSE_BIN=$$($(REAL)/compose/setup) \
	  FLEETHUB_REQUIRE_REAL=1 FLEETHUB_SLOW=1 FLEETHUB_LITELLM_UP=$(LITELLM_UP) $(BIN)/python -m pytest -q tests/real

lint: $(VENV)/.ready  ## style and types; the node scripts too where shellcheck is installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	if command -v shellcheck; then shellcheck -s sh -x -P SCRIPTDIR -e SC2015 fleethub/clients/scripts/*.sh; fi

bench: $(VENV)/.ready  ## ratios against a peer in the same run
	$(BIN)/python -m tests.bench

bench-ssh: $(VENV)/.ready  ## pushes and plans over a real sshd, against pyinfra (installed into a folder of its own)
	test -x $(VENV)/pyinfra/bin/pyinfra || $(PYTHON) -m venv $(VENV)/pyinfra
	$(VENV)/pyinfra/bin/python -m pip install --quiet --disable-pip-version-check pyinfra==3.10.0
	$(BIN)/python -m tests.bench.ssh --pyinfra $(abspath $(VENV))/pyinfra/bin/pyinfra

clean:
	rm -rf $(VENV)
