r"""
==================================================
From memorizing to generalizing: photographs
==================================================

How many photographs does a network need to see before it denoises others as well as
those? And do two networks that saw different ones then return the same image? It is
measured on patches of photographs here, for a network and for two denoisers that learn
little or nothing.
"""

# %%
# Patches of five photographs
# ---------------------------
#
# Patches of sky are left out: who has learned one denoises all. The test patches are of
# other photographs. So are those of the two training sets: `groups` names the
# photograph of each patch, and patches of a group stay together.

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
# The same analysis takes any denoiser. Networks are trained with the same number of
# steps for each size.

denoisers = {
    "network": DNNDenoiser(width=8, depth=2, max_steps=600, learning_rate=5e-3),
    "Wiener filter": WienerDenoiser(),
    "wavelets": WaveletThresholdDenoiser("db2"),
}
analyzers = {
    name: GeneralizationAnalyzer(
        denoiser,
        train_sizes=(1, 10, 100, 500),
        noise_std=[0.05, 0.1, 0.3],
        n_generated=20 if name == "network" else 0,
        duplicates="remove",
        n_networks_per_pass=8 if name == "network" else 1,
        random_state=0,
    ).fit(X, groups=groups, X_test=X_test)
    for name, denoiser in denoisers.items()
}

# %%
# Train, test and agreement
# -------------------------
#
# The network that saw one patch has learned that patch. With more of them the training
# curve comes down and the test curve comes up until they meet, above the others; and
# the outputs of the two networks come closer to each other than to the clean images.
# The Wiener filter learns no more than a spectrum, for which few patches suffice, and
# wavelets learn nothing: their curves are flat, and they agree exactly, beyond any dB.

level = 1
figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True, layout="constrained")
for ax, (name, analyzer) in zip(axes, analyzers.items(), strict=True):
    for values, label in [
        (analyzer.train_psnr_.mean(axis=1), "training patches"),
        (analyzer.test_psnr_.mean(axis=1), "test patches"),
        (analyzer.agreement_, "agreement"),
    ]:
        ax.semilogx(analyzer.train_sizes_, values[:, level], "o-", label=label)
    ax.set(title=name, xlabel="training patches", ylim=(10, 45))
axes[0].set(ylabel="PSNR in dB at noise_std 0.1")
axes[0].legend()

# %%
# What the network draws
# ----------------------
#
# Samples of the two networks from the same noise, between the training patches that are
# closest to them.

GeneralizationDisplay.from_estimator(analyzers["network"], kind="samples")
plt.show()

network = analyzers["network"]
assert network.regime_[0] == "memorizing"
assert network.psnr_gap_[-1] < 1
assert network.agreement_[-1, level] > network.test_psnr_[-1, :, level].mean()
for analyzer in analyzers.values():
    others = analyzer.test_psnr_[-1, :, level].mean()
    assert network.test_psnr_[-1, :, level].mean() >= others
