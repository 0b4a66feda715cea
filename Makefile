# The two commands are `make run` and `make test`; each sets up what it needs the first time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint bench clean

run: $(VENV)/.runtime
	$(BIN)/streamlit run app.py

test: $(VENV)/.devtime
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tests/browser/find_chromium.py
	$(BIN)/python -m pytest

bench: $(VENV)/.devtime
	$(BIN)/python benchmarks/live_page.py

clean:
	rm -rf $(VENV)

# uv makes a second environment cost seconds and no disk; where it cannot be had, pip does the same.
define install
	@[ -x $(BIN)/uv ] || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv \
		|| echo "uv could not be installed: going on with pip (slower, same result)"
	@echo "Installing $(1) into $(VENV) (the first time takes some minutes) ..."
	@{ [ -x $(BIN)/uv ] && $(BIN)/uv pip install --quiet --python $(BIN)/python -r $(1); } \
		|| $(BIN)/python -m pip install --disable-pip-version-check -r $(1)
endef

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "skipviz needs Python 3.11 or newer; say which with: make run PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.txt | $(BIN)/python
	$(call install,requirements.txt)
	@touch $@

$(VENV)/.devtime: requirements-dev.txt requirements.txt | $(BIN)/python
	$(call install,requirements-dev.txt)
	@touch $@ $(VENV)/.runtime
