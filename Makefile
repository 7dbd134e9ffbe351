# Everything runs in .venv, which is made on first use: `make demo` and `make test`
# need nothing but Python 3.11 or newer. The workflows of continuous integration call
# these targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
STAMP := $(VENV)/installed
CONSTRAINTS := constraints.txt

.PHONY: demo test coverage test-random test-oldest test-nightly test-ray faults lint typing stubs check-schemas format \
	docs check-docs check-links check-pages bench import-time wheel dist test-sdist check-release nightly clean

$(STAMP): pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable ".[test,bm3d]"
	touch $(STAMP)

demo: $(STAMP)
	MPLBACKEND=Agg $(BIN)/python examples/denoise/plot_classical_vs_deep.py

test: $(STAMP)
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder --durations 25

# Fails if less than 95 % of the lines or 90 % of the branches are covered.
coverage: $(STAMP)
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder \
		--cov --cov-report=term:skip-covered --cov-report=json:build/coverage.json
	$(BIN)/python .ci/check_coverage.py build/coverage.json

# Files and their tests in random order, in one process for each core.
test-random: $(STAMP)
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --random-order

# The oldest versions that pyproject.toml allows. Old packages use functions that newer
# packages have deprecated, which is not our concern.
test-oldest: build/constraints-oldest.txt
	PYTEST_ADDOPTS="-W ignore::DeprecationWarning" \
		$(MAKE) test VENV=build/oldest CONSTRAINTS=build/constraints-oldest.txt

build/constraints-oldest.txt: .ci/oldest.py pyproject.toml constraints.txt
	mkdir -p build
	$(PYTHON) .ci/oldest.py > $@

# The newest versions, among them nightly builds from the indexes in PIP_EXTRA_INDEX_URL.
test-nightly:
	$(MAKE) nightly test VENV=build/nightly

# Generated input, damaged files, killed processes and full disks: docs/guide/rely.rst.
faults: $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable ".[faults]"
	$(BIN)/python -m pytest faults --numprocesses auto --dist worksteal --durations 25

# The cluster example on Ray, which the tests skip if Ray is not installed.
test-ray: $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable ".[ray]"
	$(BIN)/python -m pytest tests/test_generalization_runs.py -k ray

nightly: $(STAMP)
	$(BIN)/python -m pip install --quiet --upgrade --pre numpy scipy scikit-learn torch

lint: $(STAMP) check-schemas typing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell sklearn_gahb tests faults examples benchmarks docs *.md *.rst .ci .github

# The type stubs of the public modules, in strict mode, and a program that uses them.
typing: $(STAMP)
	$(BIN)/python .ci/make_stubs.py --check
	$(BIN)/mypy

# Writes the type stubs from the docstrings.
stubs: $(STAMP)
	$(BIN)/python .ci/make_stubs.py

# Workflows, forms of issues and the citation file, by the schemas that check-jsonschema
# ships with.
check-schemas: $(STAMP)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema custom.github-workflows-require-timeout .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*_*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format --default-filetype yaml CITATION.cff

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[docs]"
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

# Links within the built documentation, and pages in a headless browser: Chrome, or
# Chromium (Debian's packages chromium and chromium-driver).
check-docs: check-links check-pages

check-links:
	$(BIN)/linkchecker --no-warnings docs/_build/html/index.html

check-pages:
	$(BIN)/python .ci/check_pages.py docs/_build/html

# All cases, or with PRESET=change the short ones.
PRESET := release
bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[bench]"
	$(BIN)/python benchmarks/table.py --preset $(PRESET)

# Ratios of import times. Fails if a ratio is above its limit.
import-time: $(STAMP)
	$(BIN)/python benchmarks/import_time.py

# Builds the wheel and uses it from an environment and a folder without the sources.
wheel: $(STAMP)
	rm -rf build/wheel && mkdir -p build/wheel
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir build/wheel .
	$(PYTHON) -m venv --without-pip build/wheel/venv
	$(BIN)/python -m pip --python build/wheel/venv/bin/python install --quiet --no-deps build/wheel/*.whl
	cd build/wheel && PYTHONPATH=$$(../../$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))") \
		venv/bin/python ../../.ci/smoke_wheel.py

# Builds the files of a release into dist/: the sdist, and the wheel from the sdist.
dist: $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[release]"
	rm -rf dist
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m build --outdir dist .
	$(BIN)/python -m twine check --strict dist/*

# Installs the sdist into an environment of its own, and runs the tests that it contains.
test-sdist: dist
	rm -rf build/sdist && mkdir -p build/sdist
	tar -xzf dist/*.tar.gz -C build/sdist --strip-components 1
	$(MAKE) -C build/sdist test

# Whether the files agree on the version: make check-release TAG=v0.1.0
check-release: $(STAMP)
	$(BIN)/python .ci/check_release.py $(TAG)

clean:
	rm -rf $(VENV) build dist docs/_build docs/auto_examples
