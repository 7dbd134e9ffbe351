"""
===============================================
How far denoisers are from the best possible
===============================================

The error of a denoiser alone does not tell how good it is: noise destroys information.
For some images the best possible denoiser is known, or at least how fast its error
falls with the noise. Against those a bias can be measured.
"""

# %%
# Gaussian textures: the Wiener filter is the optimum
# ---------------------------------------------------
#
# The mean squared error of the best denoiser falls like :math:`\sigma^{2 s}`, so that
# the PSNR of its output grows with that of its input with the slope s. For textures
# whose amplitude spectrum decays like :math:`|k|^{-b}` it is (b - 1) / b. The ideal
# low-pass filter has the same slope and stays a constant below; wavelets, which look
# for edges where there are none, lose more.

import matplotlib.pyplot as plt
import numpy as np

from sklearn_gahb import (
    BandletOracle,
    DiskPosteriorDenoiser,
    EmpiricalDenoiser,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    psnr_curve,
)
from sklearn_gahb.datasets import (
    make_c_alpha_images,
    make_disk_images,
    make_gaussian_textures,
)
from sklearn_gahb.displays import PSNRCurveDisplay

levels = 10 ** (-np.arange(10, 41, 5) / 20)


def measure(denoisers, train, test):
    return {
        name: psnr_curve(denoiser.fit(train), test, levels, random_state=0)
        for name, denoiser in denoisers.items()
    }


X = make_gaussian_textures(250, 64, exponent=3, random_state=0)
curves = measure(
    {
        "Wiener": WienerDenoiser(),
        "low-pass": WienerDenoiser(shrinkage="low_pass"),
        "wavelets": WaveletThresholdDenoiser(n_shifts=16),
    },
    X[:200],
    X[200:],
)
display = PSNRCurveDisplay.from_curves(curves, slopes={"optimum": 2 / 3})
display.ax_.set_title("Gaussian textures, b = 3")

# %%
# Regular images with regular edges: bandlets
# -------------------------------------------
#
# No denoiser of images that are regular of order :math:`\alpha` up to edges can have a
# steeper slope than :math:`\alpha / (\alpha + 1)`. Thresholding in the best basis of
# bandlets, which an oracle reads off the clean image, attains it; read off the noisy
# image, the basis is nearly as good. At this size it shows up to 30 dB.

X = make_c_alpha_images(40, 64, alpha=3, random_state=0)
curves = measure(
    {
        "bandlet oracle": BandletOracle(),
        "bandlets": BandletOracle(geometry="noisy"),
        "Haar wavelets": WaveletThresholdDenoiser("haar"),
    },
    X,
    X,
)
display = PSNRCurveDisplay.from_curves(curves, slopes={"optimal rate": 3 / 4})
display.ax_.set_title(r"$C^\alpha$ images, $\alpha$ = 3")

# %%
# Disks: a manifold of five dimensions
# ------------------------------------
#
# The posterior mean of disks is computed by integrating over the five parameters. Its
# slope is 1: five numbers are estimated, however many pixels there are. The posterior
# mean for a training set of disks returns the disks that it knows, and at little noise
# its error stays what it is.

X = make_disk_images(2020, 32, random_state=0)
curves = measure(
    {
        "disk posterior": DiskPosteriorDenoiser(random_state=0),
        "2000 known disks": EmpiricalDenoiser(),
        "Haar wavelets": WaveletThresholdDenoiser("haar", n_shifts=16),
    },
    X[:2000],
    X[2000:],
)
display = PSNRCurveDisplay.from_curves(curves, slopes={"optimum": 1.0})
display.ax_.set(title="Disks", ylim=(10, 90))
plt.show()
