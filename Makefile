# Short names for the commands of README.md.
PYTHON := .venv/bin/python

.PHONY: run test check format benchmarks

run: .venv
	.venv/bin/streamlit run streamlit_app.py

test: .venv
	$(PYTHON) -m pytest

check: .venv
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports

format: .venv
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

benchmarks: .venv
	$(PYTHON) -m tests.benchmarks

.venv: requirements.txt tests/requirements.txt
	python3 -m venv .venv
	.venv/bin/pip install -r requirements.txt -r tests/requirements.txt
	touch .venv
