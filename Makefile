# Short names for the commands of README.md.
PYTHON := .venv/bin/python

# Of `make fuzz COUNT=10000 SEED=1`.
COUNT := 1000
SEED := 1

.PHONY: run test cases fuzz promises check format benchmarks audit-dependencies

run: .venv
	.venv/bin/streamlit run streamlit_app.py

test: .venv
	$(PYTHON) -m pytest

cases: .venv
	$(PYTHON) -m pytest tests/intake

fuzz: .venv
	$(PYTHON) -m tests.fuzz --count $(COUNT) --seed $(SEED)

promises: .venv
	$(PYTHON) -m pytest tests/intake tests/fuzz tests/load tests/core/audit tests/core/ui/access \
		tests/core/ui/test_shelf.py tests/core/assessment/test_scoring.py tests/core/io/dicom/test_bundled_files.py \
		tests/core/test_no_identity.py tests/browser/test_identity.py

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

# In an environment of its own. It asks PyPI and osv.dev what is known of each pinned version, and needs the network.
audit-dependencies:
	python3 -m venv .audit-venv
	.audit-venv/bin/pip install --quiet pip-audit==2.10.1
	.audit-venv/bin/pip-audit --strict --requirement requirements.txt

.venv: requirements.txt tests/requirements.txt
	python3 -m venv .venv
	.venv/bin/pip install -r requirements.txt -r tests/requirements.txt
	touch .venv
