"""Coverage of posterior intervals: are the uncertainties of networks right?

    python benchmarks/bench_coverage.py [--n-images 60] [--noise-std 0.1]
        [--random-state 0]

For each kind of intervals, the table shows which share of the true values lies in
intervals of nominal coverage 0.5, 0.8 and 0.95, with its standard error over the
images:

- crops of 24x24 pixels of Set68: three networks that ship with the package, and the
  Wiener filter, which is fitted on crops of BSD400;
- disks: the network that ships with the package, and the posterior mean.
"""

import argparse
from time import perf_counter

import numpy as np

from sklearn_gahb import DiskPosteriorDenoiser, WienerDenoiser
from sklearn_gahb.checkpoints import load_pretrained
from sklearn_gahb.datasets import fetch_bsd68, fetch_bsd400, make_disk_images
from sklearn_gahb.evaluation import coverage_curve

SHOWN = [0.5, 0.8, 0.95]
SIDE = 24


def central_crops(photos):
    """Return the central crops of photographs, between 0 and 1."""
    crops = []
    for photo in photos:
        top, left = ((side - SIDE) // 2 for side in photo.shape)
        crops.append(photo[top : top + SIDE, left : left + SIDE] / np.float32(255))
    return np.stack(crops)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n-images", type=int, default=60)
    parser.add_argument("--noise-std", type=float, default=0.1)
    parser.add_argument("--random-state", type=int, default=0)
    options = parser.parse_args()
    photos = central_crops(fetch_bsd68().images)
    wiener = WienerDenoiser().fit(central_crops(fetch_bsd400().images))
    disks = make_disk_images(2000, 16, random_state=options.random_state + 1)
    names = ["photos-grey", "photos-grey-small", "photos-grey-conservative"]
    studies = [(name, load_pretrained(name), photos) for name in names]
    studies += [
        ("Wiener filter", wiener, photos),
        ("disks", load_pretrained("disks"), disks),
        ("posterior of disks", DiskPosteriorDenoiser(random_state=0).fit(disks), disks),
    ]
    print(f"{'':26}{'intervals':>12}" + "".join(f"{one:>16}" for one in SHOWN))
    for name, denoiser, images in studies:
        for intervals in ("pixels", "directions"):
            start = perf_counter()
            curve = coverage_curve(
                denoiser,
                images[: options.n_images],
                options.noise_std,
                intervals=intervals,
                random_state=options.random_state,
            )
            at = np.searchsorted(curve.nominal, np.array(SHOWN) - 1e-9)
            cells = "".join(
                f"{curve.coverage[i]:9.3f} +-{curve.coverage_std_err[i]:5.3f}"
                for i in at
            )
            print(
                f"{name:26}{intervals:>12}{cells}  {perf_counter() - start:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
