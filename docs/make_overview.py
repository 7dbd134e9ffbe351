"""Draw the pictures of the landing page, docs/_static/overview*.png. About a minute.

python docs/make_overview.py
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklearn_gahb import (
    DNNDenoiser,
    GaussianNoise,
    GeneralizationAnalyzer,
    JacobianBasis,
    WaveletThresholdDenoiser,
    psnr,
)
from sklearn_gahb.checkpoints import load_pretrained
from sklearn_gahb.datasets import load_photo_patches, make_c_alpha_images

noise_std = 0.15
photo = load_photo_patches(64, 1, subset="test", random_state=0).photos["camera"]
clean = photo[None, 60:188:2, 180:308:2] / np.float32(255)
noisy = GaussianNoise(noise_std, random_state=0).fit_transform(clean)
wavelets = WaveletThresholdDenoiser(noise_std=noise_std).fit(clean)
network = load_pretrained("photos-grey")

figure = plt.figure(figsize=(11, 4.4), layout="constrained")
left, middle, right = figure.subfigures(1, 3, width_ratios=[1, 1, 1.15])

left.suptitle("Denoise")
panels = {
    "clean": clean,
    "noisy": noisy,
    "wavelets": wavelets.transform(noisy),
    "network": network.transform(noisy),
}
for ax, (name, image) in zip(left.subplots(2, 2).flat, panels.items(), strict=True):
    ax.imshow(image[0], cmap="gray", vmin=0, vmax=1)
    title = name if name == "clean" else f"{name}, {psnr(clean, image):.1f} dB"
    ax.set_title(title, fontsize="small")
    ax.set(xticks=[], yticks=[])

middle.suptitle("Look inside")
regular = make_c_alpha_images(15, 40, alpha=2, random_state=10)[14:]
seen = GaussianNoise(noise_std, random_state=0).fit_transform(regular)
basis = JacobianBasis(load_pretrained("c-alpha-2"), 16, random_state=0).fit(seen)
axes = middle.subplots(2, 2).flat
axes[0].imshow(seen[0], cmap="gray", vmin=0, vmax=1)
axes[0].set_title("noisy", fontsize="small")
for ax, k in zip(axes[1:], [10, 14, 16], strict=True):
    vector = basis.components_[k - 1].reshape(regular.shape[1:])
    limit = np.quantile(np.abs(vector), 0.99)
    ax.imshow(vector, cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.set_title(
        f"vector {k}, factor {basis.eigenvalues_[k - 1]:.2f}", fontsize="small"
    )
for ax in middle.axes:
    ax.set(xticks=[], yticks=[])

data = load_photo_patches(16, None, subset="train")
has_contrast = data.images.std(axis=(1, 2)) > 20
test = load_photo_patches(16, None, subset="test").images
analyzer = GeneralizationAnalyzer(
    DNNDenoiser(width=8, depth=2, max_steps=600, learning_rate=5e-3),
    train_sizes=(1, 3, 10, 30, 100, 300),
    duplicates="remove",
    n_jobs=2,
    random_state=0,
).fit(
    data.images[has_contrast],
    groups=data.groups[has_contrast],
    X_test=test[test.std(axis=(1, 2)) > 20][:300],
)
right.suptitle("Memorize or generalize")
ax = right.subplots()
for label, style, values in [
    ("training images", "o-", analyzer.train_psnr_.mean(axis=1)),
    ("other images", "s--", analyzer.test_psnr_.mean(axis=1)),
    ("agreement of two networks", "^:", analyzer.agreement_),
]:
    ax.semilogx(analyzer.train_sizes_, values[:, 0], style, label=label)
ax.set(xlabel="number of training images", ylabel="PSNR in dB")
ax.legend(fontsize="small")
folder = Path(__file__).parent / "_static"
figure.savefig(folder / "overview.png", dpi=110)
for name, part in [("denoise", left), ("inside", middle), ("generalize", right)]:
    inches = part.bbox.transformed(figure.dpi_scale_trans.inverted())
    figure.savefig(folder / f"overview_{name}.png", dpi=110, bbox_inches=inches)
