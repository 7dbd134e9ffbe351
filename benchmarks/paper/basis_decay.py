"""Bases of networks at photographs, compared with other bases.

For each basis, the table shows how many vectors hold 99 percent of the energy of the
clean image (without its mean), and the PSNR of the best approximation of the clean
image by k vectors. It also shows how much the vectors follow contours that people have
drawn (`sklearn_gahb.jacobian.harmonicity`): the share of their energy near contours,
divided by the share of the area near contours, and their frequencies along and across
contours. In these means, vectors are weighted by their contributions to the denoised
image. The last column is the PSNR of the denoiser. Figures are means and standard
deviations over 12 photographs of the validation set of BSDS500, at half resolution,
noise 30 / 255. Bases of networks and bandlets are computed from the noisy image
(bandlets with clean geometry from the clean image). Principal components are computed
from crops of BSD400.

The script takes about five minutes on two cores.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from sklearn_gahb import (
    BandletDenoiser,
    BandletOracle,
    GaussianNoise,
    JacobianBasis,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    psnr,
)
from sklearn_gahb.checkpoints import fetch_published, load_pretrained
from sklearn_gahb.datasets import fetch_bsd400, fetch_bsds500
from sklearn_gahb.denoisers import FunctionDenoiser
from sklearn_gahb.jacobian import harmonicity

NOISE_STD = 30 / 255
KS = (16, 64, 256)


def halve(image):
    """Means over squares of 2x2 pixels."""
    height, width = (side // 2 for side in image.shape)
    return image[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean((1, 3))


def half_photo(image, contours):
    """Gray photograph in [0, 1] and contours that half of the people drew."""
    gray = np.asarray(Image.fromarray(image).convert("L")) / 255.0
    people = [halve(one.astype(float)) > 0 for one in contours]
    return halve(gray), np.mean(people, axis=0) >= 0.5


def crop_with_contours(photo, contours, size):
    """The crop that has the most pixels on contours."""
    counts = contours.cumsum(0).cumsum(1)
    counts = np.pad(counts, [(1, 0), (1, 0)])
    sums = (
        counts[size:, size:]
        - counts[:-size, size:]
        - counts[size:, :-size]
        + counts[:-size, :-size]
    )
    top, left = np.unravel_index(sums.argmax(), sums.shape)
    window = slice(top, top + size), slice(left, left + size)
    return photo[window].astype(np.float32), contours[window]


def draw_crops(size, n_crops=20_000):
    """Crops of the photographs of BSD400 at half resolution."""
    rng = np.random.default_rng(0)
    photos = [halve(photo / 255.0) for photo in fetch_bsd400().images]
    crops = np.empty((n_crops, size, size), dtype=np.float32)
    for crop in crops:
        photo = photos[rng.integers(len(photos))]
        top, left = (rng.integers(side - size + 1) for side in photo.shape)
        crop[:] = photo[top : top + size, left : left + size]
    return crops


def principal_shrinkage(crops):
    """The optimal linear denoiser of crops, which shrinks principal components."""
    rows = crops.reshape(len(crops), -1).astype(float)
    mean, covariance = rows.mean(axis=0), np.cov(rows.T)
    noisy_covariance = covariance + NOISE_STD**2 * np.eye(len(covariance))
    matrix = torch.from_numpy(np.linalg.solve(noisy_covariance, covariance))
    mean = torch.from_numpy(mean)

    def denoise(y, noise_std):
        y_rows = y.flatten(1) - mean.to(y)
        return (y_rows @ matrix.to(y) + mean.to(y)).reshape(y.shape)

    return FunctionDenoiser(denoise)


def approximations(components, x):
    """Number of vectors for 99 % of the energy of x, and PSNR of the best k."""
    energies = np.sort((components @ (x - x.mean()).ravel()) ** 2)[::-1]
    total = np.square(x - x.mean()).sum()
    number = 1 + int(np.searchsorted(energies.cumsum(), 0.99 * total))
    errors = (total - energies.cumsum()).clip(min=1e-12) / x.size
    return number, *(-10 * np.log10(errors[k - 1]) for k in KS)


def measure(denoiser, noisy, clean, contours, known=None):
    """One row of the table, for one denoiser at one photograph."""
    basis = JacobianBasis(denoiser, noise_std=NOISE_STD)
    basis.fit(noisy[None], None if known is None else known[None])
    found = harmonicity(basis, clean, contours=contours)
    near = found.weights * found.contour_share
    return (
        *approximations(basis.components_, clean),
        near.sum() / found.area_share,
        near @ found.along / near.sum(),
        near @ found.across / near.sum(),
        psnr(clean[None], basis.denoised_[None]),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=40)
    parser.add_argument("--n-photos", type=int, default=12)
    args = parser.parse_args()
    photos = fetch_bsds500("val")
    step = len(photos.images) // args.n_photos
    chosen = range(0, step * args.n_photos, step)
    crops = draw_crops(args.size)
    denoisers = {
        "network, photos-grey": load_pretrained("photos-grey"),
        "network, BF-CNN": fetch_published("bf_cnn_bsd400_0-100"),
        "wavelets, sym4": WaveletThresholdDenoiser(
            "sym4", n_scales=3, threshold=3.0, shrinkage="hard", n_shifts=1
        ).fit(crops),
        "bandlets, noisy geometry": BandletDenoiser(n_scales=3).fit(crops),
        "bandlets, clean geometry": BandletOracle(n_scales=3).fit(crops),
        "Fourier": WienerDenoiser().fit(crops),
        "principal components": principal_shrinkage(crops),
    }
    rows = {name: [] for name in denoisers}
    noise = GaussianNoise(NOISE_STD, random_state=0)
    for i in chosen:
        photo = half_photo(photos.images[i], photos.contours[i])
        clean, contours = crop_with_contours(*photo, args.size)
        noisy = noise.fit_transform(clean[None])[0]
        for key, denoiser in denoisers.items():
            known = clean if isinstance(denoiser, BandletOracle) else None
            rows[key].append(measure(denoiser, noisy, clean, contours, known))
        print(f"{Path(photos.filenames[i]).stem}: done", flush=True)
    heads = ["99 %", *(f"PSNR {k}" for k in KS), "contours", "along", "across", "dB"]
    print(f"\n{'':25}" + "".join(f"{head:>16}" for head in heads))
    for key, values in rows.items():
        means, spreads = np.mean(values, axis=0), np.std(values, axis=0, ddof=1)
        cells = [f"{a:.3g} ± {b:.2g}" for a, b in zip(means, spreads, strict=True)]
        print(f"{key:25}" + "".join(f"{cell:>16}" for cell in cells))


if __name__ == "__main__":
    main()
