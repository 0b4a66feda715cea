# The two commands are `make run` and `make test`; each sets up what it needs the first time.
# `make check` is for every change: no browser, and no test that is marked slow. `make test` is all;
# `make test-long` is what takes long and is left out of both: long fuzzing, many random nets,
# planted faults.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run lint check test test-ray test-long bench wheelhouse clean

run:
	@$(PYTHON) tools/environment.py requirements.txt
	@exec $(BIN)/streamlit run app.py

lint:
	@$(PYTHON) tools/environment.py requirements-dev.txt
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tests/js/node.py

check: lint
	$(BIN)/python -m pytest --ignore=tests/browser -n auto --dist loadfile -m "not slow and not long"

# Calls of their own: processes that share tests would take the cores that the browser needs, and to
# count lines slows what computes. It ends with a figure: how much of skipviz the quick tests execute
# in their own processes.
test: lint
	$(BIN)/python -m slipcover --source skipviz --out .coverage.txt \
		-m pytest --ignore=tests/browser -n auto --dist loadfile -m "not slow and not long"
	$(BIN)/python -m pytest --ignore=tests/browser -n auto --dist loadfile -m "slow and not long" \
		--durations=15 --durations-min=4
	$(BIN)/python tests/browser/chromium.py
	$(BIN)/python -m pytest tests/browser --durations=25 --durations-min=4
	@echo "What quick tests execute of skipviz, in percent (line by line: .coverage.txt):"
	@tail -n 1 .coverage.txt

# The workers' suite on a Ray cluster of two nodes on this machine. `make test` runs it on this
# machine's processes alone, unless Ray is there.
test-ray:
	@$(PYTHON) tools/environment.py requirements-ray.txt
	$(BIN)/python -m pytest tests/cluster

test-long:
	@$(PYTHON) tools/environment.py requirements-dev.txt
	$(BIN)/python -m pytest --ignore=tests/browser -m long -n auto --dist loadfile
	$(BIN)/python tests/browser/chromium.py
	$(BIN)/python -m pytest tests/browser -m long

bench:
	@$(PYTHON) tools/environment.py requirements-dev.txt
	$(BIN)/python benchmarks/live_page.py

# Everything as wheels, for a room without a network; WHEELHOUSE=--light leaves out training.
wheelhouse:
	@$(PYTHON) tools/environment.py requirements.txt
	$(BIN)/python tools/wheelhouse.py $(WHEELHOUSE)

clean:
	rm -rf .venv
