"""Time to compute leading basis vectors of a network, and time of plain autograd.

The network is a published BF-CNN. The image is a crop of the first photograph of Set12.
The plain way calls autograd once for each output value, and decomposes the symmetric
part of the whole matrix. At 80x80 pixels, a product with the Jacobian takes 9.2 GFLOP.
The plain way already runs near the float32 peak rate of the processor, so only a method
with fewer products can be faster. Each noise level takes minutes.

    python benchmarks/bench_jacobian_basis.py [--size 80] [--levels 30 10]
        [--n-components 64 | --full] [--n-repeats 1]
"""

import argparse
import resource
from time import perf_counter

import numpy as np
import torch

from sklearn_gahb import GaussianNoise, JacobianBasis
from sklearn_gahb.checkpoints import fetch_published
from sklearn_gahb.datasets import fetch_set12
from sklearn_gahb.jacobian import jacobian_operator

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--size", type=int, default=80)
parser.add_argument("--levels", type=float, nargs="+", default=[30, 10])
parser.add_argument("--n-components", type=int, default=64)
parser.add_argument("--full", action="store_true", help="all components")
parser.add_argument("--n-repeats", type=int, default=1)
parser.add_argument("--without-plain", action="store_true")
arguments = parser.parse_args()

denoiser = fetch_published("bf_cnn_bsd400_0-100")
photo = fetch_set12().images[0]
rows = slice(80, 80 + arguments.size) if arguments.size <= 128 else slice(None)
clean = photo[None, rows, rows] / np.float32(255)
n_components = None if arguments.full else arguments.n_components


def plain_basis(y):
    """Return eigenvalues in descending order, eigenvectors, and the symmetric part."""
    y = torch.from_numpy(y)[None].requires_grad_()
    x_hat = y - denoiser.network_(y)
    J = torch.stack(
        [
            torch.autograd.grad(value, y, retain_graph=True)[0].ravel()
            for value in x_hat.ravel()
        ]
    )
    S = (J + J.T) / 2
    values, vectors = torch.linalg.eigh(S)
    return values.flip(0).numpy(), vectors.T.flip(0), S


def find_basis(noisy):
    return JacobianBasis(denoiser, n_components, random_state=0).fit(noisy)


def peak_memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def timed(function):
    start = perf_counter()
    result = function()
    return perf_counter() - start, result


for level in arguments.levels:
    noisy = GaussianNoise(level / 255, random_state=0).fit_transform(clean)
    before = peak_memory()
    seconds, basis = timed(lambda noisy=noisy: find_basis(noisy))
    print(
        f"{noisy.shape[1]}x{noisy.shape[2]}, noise {level:g}/255, "
        f"{len(basis.eigenvalues_)} components by {basis.solver_}: {seconds:.1f} s, "
        f"{getattr(basis, 'n_products_', 'no')} products J + J^T, memory "
        f"+{peak_memory() - before:.2f} GiB, eigenvalues from "
        f"{basis.eigenvalues_[0]:.3f} to {basis.eigenvalues_[-1]:.3f}, asymmetry "
        f"{basis.asymmetry_:.2f}",
        flush=True,
    )
    operator = jacobian_operator(denoiser, noisy)
    E, factors = torch.from_numpy(basis.components_), basis.eigenvalues_
    products = (operator.multiply_rows(E) + operator.multiply_rows(E, True)) / 2
    residuals = (products - torch.from_numpy(factors)[:, None] * E).norm(dim=1)
    print(f"  largest residual {float(residuals.max()):.1e}")
    if not arguments.full:
        again = JacobianBasis(denoiser, n_components, random_state=1).fit(noisy)
        difference = np.abs(again.eigenvalues_ - factors).max()
        print(f"  another random start: eigenvalues differ by {difference:.1e}")
    if not arguments.without_plain:
        ours, theirs = [seconds], []
        for repeat in range(arguments.n_repeats):
            if repeat:
                ours.append(timed(lambda noisy=noisy: find_basis(noisy))[0])
            plain_seconds, (values, _, S) = timed(
                lambda noisy=noisy: plain_basis(noisy)
            )
            theirs.append(plain_seconds)
        seconds, plain_seconds = np.median(ours), np.median(theirs)
        difference = np.abs(values[: len(factors)] - factors).max()
        print(
            f"  medians {seconds:.1f} s, plain way {plain_seconds:.1f} s, "
            f"{plain_seconds / seconds:.1f} times "
            f"as long; smallest eigenvalue {values[-1]:.3f}; eigenvalues differ by "
            f"{difference:.1e}",
            flush=True,
        )
