"""Configuration of Sphinx."""

import socket
import warnings
from pathlib import Path

from joblib import cpu_count

import sklearn_gahb
from sklearn_gahb.datasets import get_data_home

project = "sklearn-gahb"
copyright = "2026, the sklearn-gahb developers"  # noqa: A001
version = release = sklearn_gahb.__version__

extensions = [
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx-mathjax-offline",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
# Roles of scikit-learn's inherited docstrings point to its own pages.
suppress_warnings = ["config.cache", "ref.ref", "ref.term"]

html_theme = "pydata_sphinx_theme"
html_title = "sklearn-gahb"
html_context = {"default_mode": "auto"}
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_js_files = ["tables.js"]
toc_object_entries_show_parents = "hide"
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "article_header_end": ["contents.html"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}
html_sidebars = {
    "index": [],
    "install": [],
    "paper": [],
    "design": [],
    "changes": [],
    "references": [],
}

extlinks = {
    "arxiv": ("https://arxiv.org/abs/%s", "arXiv %s"),
    "doi": ("https://doi.org/%s", "doi %s"),
}
bibtex_bibfiles = ["references.bib"]
bibtex_reference_style = "author_year"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

numpydoc_show_class_members = False
autosummary_generate = True
autodoc_typehints = "none"


def reaches(host):
    """Whether a host answers; there are no links to one that does not."""
    try:
        socket.create_connection((host, 443), timeout=3).close()
    except OSError:
        return False
    return True


intersphinx_mapping = {
    name: (f"https://{host}/{path}", None)
    for name, host, path in [
        ("sklearn", "scikit-learn.org", "stable/"),
        ("numpy", "numpy.org", "doc/stable/"),
        ("scipy", "docs.scipy.org", "doc/scipy/"),
        ("torch", "docs.pytorch.org", "docs/stable/"),
        ("joblib", "joblib.readthedocs.io", "en/latest/"),
    ]
    if reaches(host)
}

# Examples that need the published networks say so, and are shown without being run
# where these are not in the data folder.
NEEDS_NETWORKS = ["plot_inside_a_network", "plot_uncertainty"]
has_networks = (get_data_home() / "weights").is_dir()
if not has_networks:
    warnings.warn(
        f"{NEEDS_NETWORKS} are not run: they need the published networks in the folder "
        f"{get_data_home()}, see sklearn_gahb.checkpoints.fetch_published.",
        stacklevel=1,
    )
not_run = "|".join(name.removeprefix("plot_") for name in NEEDS_NETWORKS)


def reset_random_state(gallery_conf, fname):
    """Examples must not depend on which ones ran before."""
    import numpy as np
    import torch

    np.random.seed(0)
    torch.manual_seed(0)


GROUPS = ["denoise", "inside", "generalize", "sample", "optimal", "scale"]


class StoryOrder:
    """Order of the examples within a group: that of the user guide."""

    names = (
        "classical_vs_deep",
        "bias_free",
        "inside_a_network",
        "four_bases",
        "exact_basis",
        "uncertainty",
        "training_size",
        "memorization_photos",
        "memorization_disks",
        "theories",
        "training_time",
        "samples",
        "inverse_problems",
        "constraint",
        "resolution",
        "gaussian_textures",
        "c_alpha_slopes",
        "disks_bias",
        "train_on_several_devices",
        "analyzer_on_a_cluster",
    )

    def __init__(self, src_dir):
        pass

    def __call__(self, filename):
        return self.names.index(filename.removeprefix("plot_").removesuffix(".py"))


sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "/plot_" if has_networks else rf"/plot_(?!{not_run})",
    "doc_module": "sklearn_gahb",
    "backreferences_dir": "generated/backreferences",
    "default_thumb_file": str(Path(__file__).parent / "_static" / "overview.png"),
    # Estimators as HTML; not the axes and legends that last lines return.
    "capture_repr": ("_repr_html_",),
    "min_reported_time": 1,
    # Examples run side by side, each with one thread. This is faster than many threads.
    "parallel": cpu_count(),
    "show_signature": False,
    "reset_modules": ("matplotlib", reset_random_state),
    "subsection_order": [f"../examples/{group}" for group in GROUPS],
    "within_subsection_order": StoryOrder,
    "abort_on_example_error": False,
    "only_warn_on_example_error": False,
    "download_all_examples": False,
    "remove_config_comments": True,
}
