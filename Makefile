# gridtwin: `make` alone lists what can be made. The environment is .venv; delete it (make clean) to begin anew.

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
UV := $(BIN)/uv
INSTALL := $(UV) pip install --quiet --python $(BIN)/python
COMPILE := $(UV) pip compile --quiet $(UPGRADE)
VENDOR := web/viewer/vendor/maplibre-gl.mjs

# uv and npm keep what they downloaded; where there is no home to keep it in, the environment holds it.
ifneq ($(shell test -d "$$HOME" && test -w "$$HOME" && echo writable),writable)
export UV_CACHE_DIR := $(CURDIR)/$(VENV)/cache
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.SUFFIXES:

.PHONY: help
help:
	@echo "make install    the environment in .venv, and the viewer's engine"
	@echo "make demo       a real network on http://127.0.0.1:8080"
	@echo "make test       every test but the long ones, and what they need of the system's packages"
	@echo "make test-long  the long tests"
	@echo "make check      ruff and mypy"
	@echo "make audit      known holes in what is locked (ADVISORIES=FOLDER to ask a folder of advisories, too)"
	@echo "make format     ruff, writing"
	@echo "make bench      the benchmarks"
	@echo "make wheel      the distribution, in dist/"
	@echo "make lock       resolve requirements/*.txt again (UPGRADE=--upgrade for newer versions)"
	@echo "make clean      remove everything that make made"

.PHONY: install demo test test-long check audit format bench wheel
install: $(STAMPS)/project $(VENDOR)

demo: install $(STAMPS)/demo
	$(BIN)/gridtwin demo

test: install $(STAMPS)/demo $(STAMPS)/test
	$(BIN)/python tests/system_packages.py
	$(BIN)/python -m pytest -n auto --dist loadfile # a worker a core, files whole

test-long: install $(STAMPS)/demo $(STAMPS)/test
	$(BIN)/python tests/system_packages.py --long
	$(BIN)/python -m pytest -m long --timeout 3600 || [ $$? -eq 5 ] # 5: there are none

check: $(STAMPS)/project $(STAMPS)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

audit: $(STAMPS)/project $(STAMPS)/test $(STAMPS)/audit
	$(BIN)/python -m tests.audit $(ADVISORIES)

format: $(STAMPS)/test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install $(STAMPS)/demo $(STAMPS)/test
	$(BIN)/python -m benchmarks.topology
	$(BIN)/python -m benchmarks.tiles
	$(BIN)/python -m benchmarks.latency
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.viewer
	$(BIN)/python -m benchmarks.postgis
	$(BIN)/python -m benchmarks.generate --meters 1000000
	$(BIN)/python -m benchmarks.http || [ $$? -eq 2 ] # 2: there is no wrk

wheel: install
	$(UV) build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist .

# The environment. Each stamp is newer than the lock that it installed.

define MAKE_ENVIRONMENT
for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi; \
	python=; \
done; \
if [ -z "$$python" ]; then \
	echo "gridtwin needs Python 3.11 or newer: install it, or name one with make PYTHON=..." >&2; exit 1; \
fi; \
if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	echo "$$python cannot make environments: install the system's package python3-venv" >&2; exit 1; \
fi; \
"$$python" -m venv --clear $(VENV)
endef

$(STAMPS)/uv: requirements/uv.txt
	@$(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { $(MAKE_ENVIRONMENT); }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/runtime: $(STAMPS)/uv requirements/runtime.txt requirements/build.txt
	$(INSTALL) --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	@touch $@

$(STAMPS)/project: $(STAMPS)/runtime pyproject.toml
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMPS)/demo: $(STAMPS)/uv requirements/demo.txt
	$(INSTALL) --no-deps --require-hashes -r requirements/demo.txt
	@touch $@

$(STAMPS)/test: $(STAMPS)/uv requirements/test.txt
	$(INSTALL) --require-hashes -r requirements/test.txt
	@touch $@

$(STAMPS)/audit: $(STAMPS)/uv requirements/audit.txt
	$(INSTALL) --require-hashes -r requirements/audit.txt
	@touch $@

$(VENDOR): web/viewer/package.json web/viewer/package-lock.json web/viewer/vendor.py | $(STAMPS)/uv
	$(BIN)/python web/viewer/vendor.py

# test.txt holds everything, and the others agree with it, so that they can share one environment.
.PHONY: lock
lock: $(STAMPS)/uv
	$(COMPILE) pyproject.toml --all-extras -o requirements/test.txt
	$(COMPILE) pyproject.toml -c requirements/test.txt -o requirements/runtime.txt
	$(COMPILE) pyproject.toml --extra jwt --extra postgis -c requirements/test.txt -o requirements/image.txt
	$(COMPILE) --group build -c requirements/test.txt -o requirements/build.txt
	$(COMPILE) --group audit -c requirements/test.txt -o requirements/audit.txt
	$(COMPILE) --group demo -c requirements/test.txt --no-deps -o requirements/demo.txt
	$(COMPILE) --group node -o requirements/node.txt
	$(COMPILE) --group uv -o requirements/uv.txt

.PHONY: clean
clean:
	rm -rf $(VENV) web/viewer/vendor tests/web/vendor dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
