"""PSNR on Set12, estimated by SURE without the clean images, and the true PSNR.

The script needs the photographs of fetch_set12 and a file of fetch_published.

    python benchmarks/bench_sure.py
"""

import numpy as np

from sklearn_gahb import GaussianNoise, psnr
from sklearn_gahb.checkpoints import fetch_published
from sklearn_gahb.datasets import fetch_set12
from sklearn_gahb.jacobian import sure_psnr

NOISE_STD = 25 / 255

clean = [photo / np.float32(255) for photo in fetch_set12().images]
noisy = GaussianNoise(NOISE_STD, random_state=0).fit_transform(clean)
denoiser = fetch_published("bf_dncnn_bsd400_0-55")
true = psnr(clean, denoiser.transform(noisy), average=False)
print(f"true PSNR: {true.mean():.2f} dB on average")
for n_probes in (1, 4):
    errors = (
        sure_psnr(
            denoiser, noisy, NOISE_STD, n_probes=n_probes, average=False, random_state=0
        )
        - true
    )
    print(
        f"{n_probes} probes: mean signed error {errors.mean():+.3f} dB, largest "
        f"{np.abs(errors).max():.3f} dB; each {np.round(errors, 2).tolist()}",
        flush=True,
    )
