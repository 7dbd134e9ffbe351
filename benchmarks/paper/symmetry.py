"""Networks with a symmetric Jacobian: their basis is the denoiser.

    python benchmarks/paper/symmetry.py [--max-steps 800] [--width 16] [--n-photos 12]
        [--size 40] [--random-state 0]

The script compares two UNets for gray photographs, one that was trained directly and
one that is conservative, on crops of Set12. By default, they are the networks
photos-grey-small and photos-grey-conservative, which ship with the package. With
--max-steps, the script trains both with the same settings on crops of BSD400. For three
noise levels, it prints

- the asymmetry of the Jacobian;
- the PSNR of the network, and of the shrinkage sum over the eigenvectors of the
  symmetric part of the Jacobian;
- the share of the eigenvalues below -0.05, and above 1.05;
- the number of eigenvectors with 99 % of the energy of the clean image.

Then it prints the PSNR on larger crops of 128x128 pixels, and the times of the second
network relative to the first one: 30 training steps, without compilation; `transform`;
and the top 64 vectors of the basis of an image of 80x80 pixels.
"""

import argparse
from time import perf_counter

import numpy as np

from sklearn_gahb import DNNDenoiser, GaussianNoise, JacobianBasis, psnr, psnr_curve
from sklearn_gahb.checkpoints import load_pretrained
from sklearn_gahb.datasets import fetch_bsd400, fetch_set12

NOISE_STD = (0.05, 0.1, 0.2)
KINDS = ("direct", "conservative")


def central_crops(size, n_photos):
    """Return the central crops of photographs of Set12, between 0 and 1."""
    crops = []
    for photo in fetch_set12().images[:n_photos]:
        top, left = ((side - size) // 2 for side in photo.shape)
        crops.append(photo[top : top + size, left : left + size] / np.float32(255))
    return np.stack(crops)


def untrained(kind, options, max_steps):
    """Return a denoiser that is not fitted yet."""
    return DNNDenoiser(
        conservative=kind == "conservative",
        width=options.width,
        patch_size=32,
        augment=True,
        max_steps=max_steps,
        batch_size=32,
        learning_rate=1e-2,
        compile=False,
        random_state=options.random_state,
    )


def measure(denoiser, noisy, clean):
    """Return one row of the table for one image."""
    basis = JacobianBasis(denoiser).fit(noisy[None])
    values, vectors = basis.eigenvalues_, basis.components_.reshape(noisy.size, -1)
    summed = (values * (vectors @ noisy.ravel())) @ vectors
    energies = np.sort((vectors @ (clean - clean.mean()).ravel()) ** 2)[::-1].cumsum()
    return (
        basis.asymmetry_,
        psnr(clean[None], basis.denoised_[None]),
        psnr(clean[None], summed.reshape(clean[None].shape)),
        100 * (values < -0.05).mean(),
        100 * (values > 1.05).mean(),
        1 + np.searchsorted(energies, 0.99 * energies[-1]),
    )


def compare_times(name, work, n_repeats=3):
    """Print the median times of both kinds of networks, and their ratio."""
    times = {kind: [] for kind in KINDS}
    for _ in range(n_repeats):
        for kind in KINDS:
            start = perf_counter()
            work(kind)
            times[kind].append(perf_counter() - start)
    first, second = (np.median(times[kind]) for kind in KINDS)
    print(f"{name}: {first:.2f} and {second:.2f} s, {second / first:.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--max-steps", type=int)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--n-photos", type=int, default=12)
    parser.add_argument("--size", type=int, default=40)
    parser.add_argument("--random-state", type=int, default=0)
    options = parser.parse_args()
    photos = fetch_bsd400().images
    if options.max_steps:
        networks = {
            kind: untrained(kind, options, options.max_steps).fit(photos)
            for kind in KINDS
        }
    else:
        names = ("photos-grey-small", "photos-grey-conservative")
        networks = dict(zip(KINDS, map(load_pretrained, names), strict=True))
    clean = central_crops(options.size, options.n_photos)
    heads = ["asymmetry", "PSNR", "of sum", "% < -.05", "% > 1.05", "99 %"]
    print(f"{'noise, network':24}" + "".join(f"{head:>11}" for head in heads))
    for level in NOISE_STD:
        noisy = GaussianNoise(level, random_state=0).fit_transform(clean)
        for kind, denoiser in networks.items():
            rows = [measure(denoiser, *pair) for pair in zip(noisy, clean, strict=True)]
            cells = "".join(f"{mean:11.4g}" for mean in np.mean(rows, axis=0))
            print(f"{f'{level}, {kind}':24}" + cells, flush=True)
    large = central_crops(128, 12)
    for kind, denoiser in networks.items():
        found = psnr_curve(denoiser, large, (*NOISE_STD, 0.4), random_state=0)
        print(f"{kind}: {found.output_psnr.round(2)} dB on 128x128", flush=True)
    image = central_crops(80, 1)
    few_steps = {kind: untrained(kind, options, max_steps=30) for kind in KINDS}
    compare_times("30 steps", lambda kind: few_steps[kind].fit(photos))
    compare_times("transform", lambda kind: networks[kind].transform(large))
    compare_times("top 64", lambda kind: JacobianBasis(networks[kind], 64).fit(image))


if __name__ == "__main__":
    main()
