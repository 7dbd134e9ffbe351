"""
=================================================
Without additive constants, any noise level goes
=================================================

Two networks that differ in one thing: one has additive constants in its layers, the
other has none. Both are trained for little noise. Within the range of training they do
about equally well. Beyond it the first one breaks, and the second one goes on, for it
is homogeneous: twice the image and twice the noise give twice the result.
"""

# %%
# Two networks
# ------------
#
# Both see noise levels up to 0.1 only.

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
        max_steps=1000,
        batch_size=32,
        learning_rate=5e-3,
        random_state=0,
    ).fit(X)
    for name, bias in [("without constants", False), ("with constants", True)]
}

# %%
# Noise that they have not seen
# -----------------------------
#
# Levels of training are at the right, from 20 dB on. The dotted line is what the noisy
# images have.

levels = np.array([0.03, 0.05, 0.1, 0.2, 0.3, 0.5])
curves = {
    name: psnr_curve(network, X_test, levels, random_state=0)
    for name, network in networks.items()
}
display = PSNRCurveDisplay.from_curves(curves)
display.ax_.axvspan(20, display.ax_.get_xlim()[1], color="0.93", zorder=0)
display.ax_.set_title("levels of training are shaded")

# %%
# Homogeneous, or not
# -------------------
#
# The reason: the network without constants returns ten times the image for ten times
# the input.

y = X_test[:1] / np.float32(255)
for name, network in networks.items():
    scaled = network.transform(10 * y) / 10
    error = np.abs(scaled - network.transform(y)).max()
    print(f"{name}: f(10 y) / 10 differs from f(y) by up to {error:.0e}")
plt.show()

free, biased = (curves[name].output_psnr for name in networks)
within = levels <= 0.1
assert np.abs(free - biased)[within].max() < 1.2
assert (free - biased)[levels >= 0.3].min() > 2
