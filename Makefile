# Everything runs in .venv, which is made on first use: `make demo` and `make test`
# need nothing but Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

.PHONY: demo test lint format docs check-docs check-links check-pages bench wheel clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test,bm3d]"
	touch $(STAMP)

demo: $(STAMP)
	MPLBACKEND=Agg $(BIN)/python examples/denoise/plot_classical_vs_deep.py

test: $(STAMP)
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder --durations 25

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell sklearn_gahb tests examples benchmarks docs README.md CONTRIBUTING.md CHANGELOG.rst

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[docs]"
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

# Links within the built documentation, and pages in a headless Chromium (Debian's
# packages chromium and chromium-driver).
check-docs: check-links check-pages

check-links:
	$(BIN)/linkchecker --no-warnings docs/_build/html/index.html

check-pages:
	$(BIN)/python .ci/check_pages.py docs/_build/html

bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[bench]"
	$(BIN)/python benchmarks/table.py

# Builds the wheel and uses it from an environment and a folder without the sources.
wheel: $(STAMP)
	rm -rf build/wheel && mkdir -p build/wheel
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir build/wheel .
	$(PYTHON) -m venv --without-pip build/wheel/venv
	$(BIN)/python -m pip --python build/wheel/venv/bin/python install --quiet --no-deps build/wheel/*.whl
	cd build/wheel && PYTHONPATH=$$(../../$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))") \
		venv/bin/python ../../.ci/smoke_wheel.py

clean:
	rm -rf $(VENV) build dist docs/_build docs/auto_examples
