"""Use an installed wheel, from a folder without the sources."""

from pathlib import Path

import numpy as np

import sklearn_gahb
from sklearn_gahb.checkpoints import load_pretrained
from sklearn_gahb.datasets import fetch_files, get_data_home, make_disk_images

assert "build/wheel" in Path(sklearn_gahb.__file__).as_posix(), sklearn_gahb.__file__

# Type checkers find the stubs.
for name in ("py.typed", "__init__.pyi", "denoisers/__init__.pyi"):
    assert Path(sklearn_gahb.__file__).parent.joinpath(name).exists(), name

X = make_disk_images(40, 16, random_state=0)
for denoiser in (
    sklearn_gahb.WienerDenoiser(noise_std=0.1, random_state=0),
    sklearn_gahb.WaveletThresholdDenoiser("haar", noise_std=0.1, random_state=0),
    sklearn_gahb.DNNDenoiser(width=4, depth=1, max_steps=100, random_state=0),
):
    score = denoiser.fit(X[:30]).score(X[30:])
    assert np.isfinite(score), denoiser

assert load_pretrained("photos-grey").transform(X[:1]).shape == (1, 16, 16)
assert get_data_home("here").name == "here"


def complaint_of_missing_files():
    try:
        fetch_files("set12", data_home="here", download_if_missing=False)
    except OSError as error:
        return str(error)
    return ""


# The registry is in the wheel: it knows which files there should be.
assert "11 more files" in complaint_of_missing_files()
