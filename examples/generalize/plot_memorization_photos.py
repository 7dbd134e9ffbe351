r"""
==================================================
From memorizing to generalizing: photographs
==================================================

How many photographs must a network see before it denoises other photographs as well as
those it was trained on? Do two networks trained on different photographs then return
the same image? This example answers both questions on patches of photographs, for a
network and for two denoisers that learn little or nothing.
"""

# %%
# Patches of five photographs
# ---------------------------
#
# Patches of sky are left out, because a network that has learned one of them denoises
# all of them. The test patches come from other photographs than the training patches.
# The two training sets do not share photographs either: `groups` names the photograph
# of each patch, and the analyzer keeps the patches of a group together.

import matplotlib.pyplot as plt
import numpy as np

from sklearn_gahb import (
    DNNDenoiser,
    GeneralizationAnalyzer,
    WaveletThresholdDenoiser,
    WienerDenoiser,
)
from sklearn_gahb.datasets import load_photo_patches
from sklearn_gahb.displays import GeneralizationDisplay


def load(subset):
    data = load_photo_patches(16, None, subset=subset)
    has_contrast = data.images.std(axis=(1, 2)) > 20
    return data.images[has_contrast], data.groups[has_contrast]


X, groups = load("train")
X_test = load("test")[0][:300]
print(f"{len(X)} patches of {', '.join(np.unique(groups))}; {len(X_test)} to test on")

# %%
# Three denoisers
# ---------------
#
# The analyzer accepts any denoiser. For each training-set size, the networks are
# trained for the same number of steps.

denoisers = {
    "network": DNNDenoiser(width=8, depth=2, max_steps=500, learning_rate=1e-2),
    "Wiener filter": WienerDenoiser(),
    "wavelets": WaveletThresholdDenoiser(),
}
analyzers = {
    name: GeneralizationAnalyzer(
        denoiser,
        train_sizes=(1, 10, 100, 500),
        noise_std=0.1,
        n_generated=20 if name == "network" else 0,
        duplicates="remove",
        n_networks_per_pass=8 if name == "network" else 1,
        random_state=0,
    ).fit(X, groups=groups, X_test=X_test)
    for name, denoiser in denoisers.items()
}

# %%
# Training PSNR, test PSNR and agreement
# --------------------------------------
#
# The network that saw one patch has learned that patch. With more patches, the training
# curve falls and the test curve rises until both meet at the level of the wavelets,
# which know the noise level and average over 16 shifts. The outputs of the two networks
# become closer to each other than to the clean images. The Wiener filter learns only a
# spectrum, for which a few patches suffice. Wavelet thresholding learns nothing: its
# curves are flat, and two denoisers return identical outputs, so their agreement in dB
# is infinite and has no curve.

# sphinx_gallery_thumbnail_number = 1
figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True, layout="constrained")
for ax, (name, analyzer) in zip(axes, analyzers.items(), strict=True):
    for values, style, label in [
        (analyzer.train_psnr_.mean(axis=1), "o-", "training patches"),
        (analyzer.test_psnr_.mean(axis=1), "s--", "test patches"),
        (analyzer.agreement_, "^:", "agreement of the two outputs"),
    ]:
        ax.semilogx(analyzer.train_sizes_, values[:, 0], style, label=label)
    ax.set(title=name, xlabel="number of training patches", ylim=(10, 45))
axes[0].set(ylabel="PSNR in dB at noise_std 0.1")
axes[2].text(10, 40, "outputs are identical:\ninfinite agreement")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)

# %%
# Samples of the network
# ----------------------
#
# The middle rows show samples that the two networks draw from the same noise. The outer
# rows show the closest training patches.

GeneralizationDisplay.from_estimator(analyzers["network"], kind="samples")
plt.show()

# sphinx_gallery_start_ignore
network = analyzers["network"]
assert network.regime_[0, 0] == "memorizing"
assert network.psnr_gap_[-1].mean() < 1
assert network.agreement_[-1, 0] > network.test_psnr_[-1].mean()
for analyzer in analyzers.values():
    assert network.test_psnr_[-1].mean() > analyzer.test_psnr_[-1].mean() - 0.3
# sphinx_gallery_end_ignore
