"""Files that state the version or the supported versions of Python."""

import re
import tomllib
from pathlib import Path

import pytest

import sklearn_gahb

ROOT = Path(__file__).parents[1]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_citation_and_changes_have_the_version():
    cited = re.search(r"^version: (.+)$", read("CITATION.cff"), re.M)[1]
    assert cited == sklearn_gahb.__version__
    newest = re.search(r"^(\S+) .*\n-+$", read("CHANGELOG.rst"), re.M)[1]
    assert newest == sklearn_gahb.__version__.partition(".dev")[0]


def test_classifiers_begin_at_the_oldest_python():
    project = tomllib.loads(read("pyproject.toml"))["project"]
    minors = re.findall(r"Python :: 3\.(\d+)", " ".join(project["classifiers"]))
    oldest = int(project["requires-python"].removeprefix(">=3."))
    assert [int(minor) for minor in minors] == list(range(oldest, oldest + len(minors)))


def test_workflows_test_the_pythons_of_the_classifiers():
    workflow = ROOT / ".github" / "workflows" / "tests.yml"
    if not workflow.exists():
        pytest.skip("the sdist has no workflows")
    project = tomllib.loads(read("pyproject.toml"))["project"]
    declared = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    matrix = re.search(r"python-version: \[(.*)\]", workflow.read_text("utf-8"))[1]
    assert re.findall(r"3\.\d+", matrix) == declared
