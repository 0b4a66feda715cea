# The two commands are `make run` and `make test`; each sets up what it needs the first time.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test bench clean

run:
	@$(PYTHON) tools/environment.py requirements.txt
	@exec $(BIN)/streamlit run app.py

test:
	@$(PYTHON) tools/environment.py requirements-dev.txt
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tests/browser/chromium.py
	$(BIN)/python -m pytest

bench:
	@$(PYTHON) tools/environment.py requirements-dev.txt
	$(BIN)/python benchmarks/live_page.py

clean:
	rm -rf .venv
