"""
==========================================
Classical and deep denoisers side by side
==========================================

All denoisers in this package have the same methods: `fit` takes clean images,
`transform` takes noisy images, and `score` returns the mean PSNR in dB. In this
example, a deep network learns from three photographs. The network is then compared with
the Wiener filter and with wavelet thresholding on two photographs that none of the
denoisers has seen.
"""

# %%
# Photographs
# -----------
#
# The photographs come with scikit-learn and PyWavelets, so nothing is downloaded.
# Training patches and test patches never come from the same photograph.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.callback import ProgressBar
from sklearn.pipeline import Pipeline

from sklearn_gahb import (
    DNNDenoiser,
    GaussianNoise,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    psnr,
)
from sklearn_gahb.datasets import load_photo_patches
from sklearn_gahb.displays import ComparisonDisplay

train = load_photo_patches(128, 1500, subset="train", random_state=0)
test = load_photo_patches(128, 40, subset="test", random_state=0)
print(f"train: {train.images.shape} from {', '.join(train.photos)}")
print(f"test:  {test.images.shape} from {', '.join(test.photos)}")

# %%
# Denoisers
# ---------
#
# The Wiener filter learns the mean power spectrum of the patches. Wavelet thresholding
# learns nothing: it relies on the fact that photographs have few large wavelet
# coefficients. The network is a small version of the architecture that diffusion models
# use. The network does not receive the noise level and has no additive constants, so it
# works at any noise level.

deep = DNNDenoiser(
    "unet",
    width=16,
    depth=2,
    train_noise_std=(0.0, 0.5),
    noise_distribution="uniform",
    patch_size=48,
    augment=True,
    max_steps=800,
    batch_size=16,
    learning_rate=1e-2,
    random_state=1,
).set_callbacks(ProgressBar())

denoisers = {
    "Wiener": WienerDenoiser(),
    "wavelets, hard": WaveletThresholdDenoiser(
        threshold=3.0, shrinkage="hard", n_shifts=1
    ),
    "wavelets, universal": WaveletThresholdDenoiser(threshold="universal", n_shifts=1),
    "wavelets, BayesShrink": WaveletThresholdDenoiser(threshold="bayes", n_shifts=1),
    "wavelets, SURE": WaveletThresholdDenoiser(n_shifts=1),
    "wavelets, SURE, 16 shifts": WaveletThresholdDenoiser(),
    "deep": deep,
}
for denoiser in denoisers.values():
    denoiser.fit(train.images)

# %%
# One pipeline, several noise levels
# ----------------------------------
#
# A pipeline that starts with :class:`~sklearn_gahb.GaussianNoise` is scored on clean
# images: the first step adds noise, and the second step removes it. The classical
# denoisers receive the noise level. The deep denoiser ignores it.

levels = [0.05, 0.1, 0.2, 0.4]
noise = GaussianNoise(random_state=0)
pipeline = Pipeline([("noise", noise), ("denoise", deep)])

scores = {
    "noisy": [
        psnr(test.images, noise.set_params(noise_std=level).transform(test.images))
        for level in levels
    ]
}
for name, denoiser in denoisers.items():
    pipeline.set_params(denoise=denoiser)
    scores[name] = [
        pipeline.set_params(noise__noise_std=level, denoise__noise_std=level).score(
            test.images, test.images
        )
        for level in levels
    ]

print(
    f"\n{'PSNR in dB at noise_std':27}" + "".join(f"{level:8.2f}" for level in levels)
)
for name, row in scores.items():
    print(f"{name:27}" + "".join(f"{score:8.2f}" for score in row))

# %%
# A denoised photograph
# ---------------------
#
# The Wiener filter treats all images alike, so it blurs edges along with the noise.
# Wavelet thresholding keeps edges, but it leaves wavelet-shaped artifacts where the
# noise exceeds the threshold. The network averages along edges in any direction,
# because the basis in which it shrinks coefficients adapts to the geometry of the
# image.

clean = test.photos["camera"][None, 60:188, 170:298] / 255
noisy = noise.set_params(noise_std=0.2).transform(clean)
figure = plt.figure(figsize=(8, 9), layout="constrained")
figure.suptitle("A crop of a test photograph at noise_std 0.2")
ComparisonDisplay.from_estimators(
    denoisers, noisy, clean, noise_std=0.2, n_columns=3, figure=figure
)
figure.savefig("classical_vs_deep.png", dpi=150)

# %%
# The deep denoiser is the best at medium and strong noise, by about 1 dB. At weak
# noise, wavelets averaged over 16 shifts, the default of
# :class:`~sklearn_gahb.WaveletThresholdDenoiser`, are nearly as good. Which of the two
# is better there depends on `random_state`.

# sphinx_gallery_start_ignore
table = np.array([scores[name] for name in denoisers])
lead = table[-1] - table[:-1].max(axis=0)
assert (lead[1:] > 0.5).all()
assert abs(lead[0]) < 0.7
# sphinx_gallery_end_ignore
