"""Run the code in the user guide, on the landing page and in the README.

Networks are trained for a few steps and experiments are made small, so these tests do
not check numbers. They define the variables that the reader provides, such as `X`.
"""

import ast
import re
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from sklearn_gahb.checkpoints import load_pretrained
from sklearn_gahb.datasets import make_disk_images

ROOT = Path(__file__).parents[1]
PAGES = [
    *sorted((ROOT / "docs" / "guide").glob("*.rst")),
    ROOT / "docs" / "index.rst",
    ROOT / "README.md",
]
# Substitutions that make the code fast enough for a test.
SMALLER = [
    (r"\b(width|depth)=\d+(,\s*)?", ""),
    (r"checkpoints=\([\d, ]+\)", "checkpoints=(1, 3)"),
    (r"snapshots_\[\d+\]", "snapshots_[1]"),
    (r"max_steps=\d+", "max_steps=3"),
    (r"\bDNNDenoiser\((?![^)]*max_steps)", "DNNDenoiser(max_steps=3, "),
    (r"n_jobs=-1", "n_jobs=1"),
    (r"\bDNNDenoiser\(", "DNNDenoiser(width=4, depth=1, "),
    (r"\((1, 10, 100(, 1000)?)\)", "(1, 4)"),
    (r"n_components=\d+", "n_components=4"),
    (r"FieldAutoencoder\(", "FieldAutoencoder(width=4, "),
    (r"n_(samples|generated)=\d+", r"n_\1=2"),
    (r"load_photo_patches\((48|64), ", "load_photo_patches(16, "),
    (r"load_photo_patches\(16, 500", "load_photo_patches(16, 60"),
    (r"load_photo_patches\(16, \d{4}", "load_photo_patches(16, 300"),
    (r"make_disk_images\(\d{3}, ", "make_disk_images(60, "),
    (r"sigma_max, 6\)", "sigma_max, 2)"),
    (r"\[0\.5, 1\.0, 1\.5, 2\.0\]", "[1.0, 2.0]"),
    (r"\[1\.0, 2\.0, 3\.0, 4\.0\]", "[2.0, 3.0]"),
    (r"\(64, 64\)", "(16, 16)"),
    (r"\[1, 10, 1000\]", "[1, 10]"),
    (r"\.sample\(16", ".sample(1"),
    (r"\bsample\(denoiser, 16", "sample(denoiser, 1"),
]


def code_of(page):
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".md":
        blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    else:
        blocks = re.findall(
            r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", text, re.MULTILINE
        )
    code = "\n".join(textwrap.dedent(block) for block in blocks)
    for pattern, replacement in SMALLER:
        code = re.sub(pattern, replacement, code)
    return code


@pytest.fixture(scope="module")
def cluster():
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        yield cluster


@pytest.fixture
def names_of_the_reader(cluster, tmp_path):
    X = make_disk_images(24, 16, random_state=0)
    photo = np.repeat(np.repeat(X[0], 4, axis=0), 4, axis=1)
    Image.fromarray(np.uint8(255 * photo)).save(tmp_path / "noisy.jpg")
    return {
        "cluster": cluster,
        "X": X[:20],
        "X_train": X[:20],
        "X_test": X[20:],
        "clean": X[:12],
        "noisy": X[:12],
        "test": X[12:],
        "image": photo,
        "photographs": [photo],
        "denoiser": load_pretrained("photos-grey"),
    }


def test_pages_have_code():
    assert sum(bool(code_of(page)) for page in PAGES) >= 7


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_code_runs(page, names_of_the_reader, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = compile(code_of(page), str(page), "exec")
    # Run the code in a module, so that classes of the page can be pickled.
    module = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    vars(module).update(names_of_the_reader)
    exec(code, vars(module))
    plt.close("all")


def test_gallery_lists_every_example():
    """An example that docs/conf.py does not list breaks the build."""
    tree = ast.parse((ROOT / "docs" / "conf.py").read_text())
    (order,) = (
        one for one in ast.walk(tree) if getattr(one, "name", "") == "StoryOrder"
    )
    listed = ast.literal_eval(order.body[1].value)
    files = (ROOT / "examples").glob("*/*.py")
    assert sorted(listed) == sorted(file.stem.removeprefix("plot_") for file in files)
