"""
==============================================
Bias-free networks beyond the training noise
==============================================

This example compares two networks that differ in one respect: the layers of the first
network have additive constants (biases), and the layers of the second network have
none. Both networks are trained at low noise levels. Within the training range, they
differ by less than 2 dB. Beyond that range, the network with constants breaks down.
The bias-free network keeps working because it is homogeneous: twice the image with
twice the noise gives twice the result.
"""

# %%
# Two networks
# ------------
#
# During training, both networks only see noise levels up to 0.1.

import matplotlib.pyplot as plt
import numpy as np

from sklearn_gahb import DNNDenoiser, psnr_curve
from sklearn_gahb.datasets import load_photo_patches
from sklearn_gahb.displays import PSNRCurveDisplay

X = load_photo_patches(32, 3000, subset="train", random_state=0).images
X_test = load_photo_patches(64, 60, subset="test", random_state=0).images
networks = {
    name: DNNDenoiser(
        width=8,
        depth=2,
        bias=bias,
        train_noise_std=(0.0, 0.1),
        noise_distribution="uniform",
        max_steps=300,
        batch_size=32,
        learning_rate=1e-2,
        random_state=0,
    ).fit(X)
    for name, bias in [("without constants", False), ("with constants", True)]
}

# %%
# Noise levels beyond the training range
# --------------------------------------
#
# The training noise levels are on the right, from 20 dB upward. The thin gray line
# shows the PSNR of the noisy images.

levels = np.array([0.03, 0.05, 0.1, 0.2, 0.3, 0.5])
curves = {
    name: psnr_curve(network, X_test, levels, random_state=0)
    for name, network in networks.items()
}
display = PSNRCurveDisplay.from_curves(curves)
display.ax_.axvspan(20, display.ax_.get_xlim()[1], color="0.93", zorder=-1)
display.ax_.set_title("Shaded: noise levels used in training")

# %%
# Homogeneity
# -----------
#
# The reason is homogeneity: for ten times the input, the network without constants
# returns ten times the output.

y = X_test[:1] / np.float32(255)
for name, network in networks.items():
    scaled = network.transform(10 * y) / 10
    error = np.abs(scaled - network.transform(y)).max()
    print(f"{name}: f(10 y) / 10 differs from f(y) by up to {error:.0e}")
plt.show()

# sphinx_gallery_start_ignore
free, biased = (curves[name].output_psnr for name in networks)
within = levels <= 0.1
assert np.abs(free - biased)[within].max() < 2
assert (free - biased)[levels >= 0.3].min() > 2
# sphinx_gallery_end_ignore
