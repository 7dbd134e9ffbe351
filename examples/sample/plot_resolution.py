r"""
================================
Sample images at any resolution
================================

A :class:`~sklearn_gahb.FieldAutoencoder` encodes images as small latent images, and
renders latent images at any size. It is trained on images of mixed sizes, here disks
of 16 to 48 pixels. A network that is trained on its latent images samples disks of any
size.
"""

# %%
# Train on disks of mixed sizes
# -----------------------------

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np

from sklearn_gahb import DNNDenoiser, FieldAutoencoder, psnr
from sklearn_gahb.datasets import make_disk_images, render_disks

images = [
    image
    for size in range(16, 49, 4)
    for image in make_disk_images(300, size, random_state=size)
]
autoencoder = FieldAutoencoder(
    width=8, patch_size=16, batch_size=32, max_steps=1200, random_state=0
).fit(images)

# %%
# One latent image, many sizes
# ----------------------------
#
# The test images have 32x32 pixels. Their latent images have 8x8 pixels and 4 channels.
# The first row shows renderings of one latent image. The second row shows the disk
# itself, whose true image is known at every size. The autoencoder has not seen images
# of more than 48 pixels.

X, disks = make_disk_images(50, 32, return_parameters=True, random_state=1)
Z = autoencoder.transform(X)
sizes = [16, 32, 64, 128]
figure, axes = plt.subplots(2, 4, figsize=(8, 4.2), layout="constrained")
ratios = {}
for (above, below), size in zip(axes.T, sizes, strict=True):
    scaled = disks.copy()
    scaled[:, :2] = (disks[:, :2] + 0.5) * size / 32 - 0.5
    scaled[:, 2] = disks[:, 2] * size / 32
    truth = render_disks(scaled, size)
    rendered = autoencoder.inverse_transform(Z, size=size)
    ratios[size] = psnr(truth, rendered)
    above.set_title(f"{size}x{size}, {ratios[size]:.1f} dB", fontsize="medium")
    for ax, image in ((above, rendered[0]), (below, truth[0])):
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("rendered")
axes[1, 0].set_ylabel("truth")

# %%
# Sample latent images
# --------------------
#
# The values of latent images are like intensities, so a denoiser can be trained on
# them as they are. Its samples are rendered at 128x128 pixels.

Z_train = autoencoder.transform(make_disk_images(3000, 32, random_state=2))
denoiser = DNNDenoiser(
    width=16, depth=2, batch_size=32, max_steps=600, learning_rate=1e-2, random_state=0
).fit(Z_train)
Z = denoiser.transform(denoiser.sample(8, random_state=0))
figure, axes = plt.subplots(2, 4, figsize=(8, 4), layout="constrained")
for ax, image in zip(
    axes.flat, autoencoder.inverse_transform(Z, size=128), strict=True
):
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
plt.show()

# sphinx_gallery_start_ignore
assert ratios[32] > 24
assert np.ptp(list(ratios.values())[1:]) < 6
# sphinx_gallery_end_ignore
