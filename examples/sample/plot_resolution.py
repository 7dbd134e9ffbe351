r"""
===============================
Render images at any resolution
===============================

A :class:`~sklearn_gahb.FieldAutoencoder` encodes images as small latent images, and
renders latent images at any size. It is trained on images of mixed sizes. This example
uses disks, because their true images are known at every size.
"""

# %%
# Train on disks of mixed sizes
# -----------------------------
#
# The training images have 16 to 48 pixels.

import matplotlib.pyplot as plt
import numpy as np
import torch

from sklearn_gahb import FieldAutoencoder, psnr
from sklearn_gahb.datasets import make_disk_images, render_disks

images = [
    image
    for size in range(16, 49, 4)
    for image in make_disk_images(300, size, random_state=size)
]
autoencoder = FieldAutoencoder(
    width=16, patch_size=16, batch_size=32, max_steps=1500, random_state=0
).fit(images)

# %%
# One latent image, many sizes
# ----------------------------
#
# The test images have 32x32 pixels. Their latent images have 8x8 pixels and 4 channels.
# The first row shows the true images of one disk. The second row shows renderings of
# the same latent image. The third row shows the rendering at 32x32 pixels, magnified by
# bicubic interpolation. The renderings have sharper edges, although the autoencoder has
# seen no image of more than 48 pixels. The titles show the mean PSNR of 50 disks.

X, disks = make_disk_images(50, 32, return_parameters=True, random_state=1)
shown = np.argmax(X.std(axis=(1, 2)))
Z = autoencoder.transform(X)
coarse = torch.from_numpy(autoencoder.inverse_transform(Z))[:, None]
rows = {"truth": {}, "rendered": {}, "bicubic": {}}
for size in (32, 64, 128):
    scaled = disks.copy()
    scaled[:, :2] = (disks[:, :2] + 0.5) * size / 32 - 0.5
    scaled[:, 2] = disks[:, 2] * size / 32
    rows["truth"][size] = render_disks(scaled, size)
    rows["rendered"][size] = autoencoder.inverse_transform(Z, size=size)
    magnified = torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic")
    rows["bicubic"][size] = magnified[:, 0].numpy()

figure, axes = plt.subplots(3, 3, figsize=(7, 7.5), layout="constrained")
ratios = {}
for row, (name, of_sizes) in zip(axes, rows.items(), strict=True):
    row[0].set_ylabel(name)
    for ax, (size, some) in zip(row, of_sizes.items(), strict=True):
        ax.imshow(some[shown], cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
        title = f"{size}x{size}"
        if name != "truth":
            ratios[name, size] = psnr(rows["truth"][size], some)
            title = f"{ratios[name, size]:.1f} dB"
        ax.set_title(title, fontsize="medium")
plt.show()

# sphinx_gallery_start_ignore
for size in (64, 128):
    assert ratios["rendered", size] > ratios["bicubic", size]
# sphinx_gallery_end_ignore
