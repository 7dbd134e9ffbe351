"""Configuration of Sphinx."""

import sklearn_gahb

project = "sklearn-gahb"
copyright = "2026, the sklearn-gahb developers"  # noqa: A001
version = release = sklearn_gahb.__version__

extensions = [
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
templates_path = ["_templates"]

extlinks = {
    "arxiv": ("https://arxiv.org/abs/%s", "arXiv %s"),
    "doi": ("https://doi.org/%s", "doi %s"),
}
numpydoc_show_class_members = False
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "doc_module": "sklearn_gahb",
}
# Roles of scikit-learn's inherited docstrings point to its own pages.
suppress_warnings = ["config.cache", "ref.ref", "ref.term"]
