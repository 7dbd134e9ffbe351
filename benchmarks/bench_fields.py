"""FieldAutoencoder: rendering at several sizes, and samples from latent images.

    python benchmarks/bench_fields.py [--parts disks photos samples] [--max-steps 5000]
        [--kernel-sizes 3 1] [--patch-size 32]

disks: trained on disks of 16 to 48 pixels, and tested with latent images of 32x32
pixels. The truth is known at every size.

photos: trained on crops of 32 to 96 pixels of the photographs of fetch_bsd400, and
tested on averages over 4x4 pixels of crops of 128x128 pixels from fetch_bsd68.

samples: disks that a denoiser of latent images samples, rendered at several sizes, and
disks that a denoiser of images samples. The script compares each sample with the
closest disk, and prints the PSNR and the root mean square of the difference, relative
to the standard deviation of the sample.

For each size, the script prints the PSNR of the rendering, of the bicubic magnification
of the rendering at 32x32 pixels, and of averages over 2x2 pixels of the rendering at
twice the size.
"""

import argparse
from time import perf_counter

import numpy as np
import torch
from torch.nn import functional as F

from sklearn_gahb import DiskPosteriorDenoiser, DNNDenoiser, FieldAutoencoder, psnr
from sklearn_gahb.datasets import (
    fetch_bsd68,
    fetch_bsd400,
    make_disk_images,
    render_disks,
)

SIZES = [32, 64, 96, 128]


def reduced(images, factor):
    """Average over squares of pixels."""
    x = torch.as_tensor(images).float()[:, None]
    return F.avg_pool2d(x, factor)[:, 0].numpy()


def magnified(images, size):
    """Magnify by bicubic interpolation."""
    x = torch.as_tensor(images)[:, None]
    return F.interpolate(x, size=(size, size), mode="bicubic")[:, 0].numpy()


def disk_images():
    """Make training images: disks of 16 to 48 pixels."""
    return [
        image
        for size in range(16, 49, 4)
        for image in make_disk_images(500, size, random_state=size)
    ]


def disks_of(size):
    """Render the same 100 disks at any size."""
    _, disks = make_disk_images(100, 32, return_parameters=True, random_state=1)
    scale = size / 32
    disks[:, :2] = (disks[:, :2] + 0.5) * scale - 0.5
    disks[:, 2] *= scale
    return render_disks(disks, size)


def photo_crops(n_images=4000):
    """Cut random crops of 32 to 96 pixels out of the training photographs."""
    rng, photos = np.random.default_rng(0), fetch_bsd400().images
    crops = []
    for _ in range(n_images):
        photo = photos[rng.integers(len(photos))]
        size = 8 * rng.integers(4, 13)
        top, left = (rng.integers(side - size + 1) for side in photo.shape)
        crops.append(photo[top : top + size, left : left + size])
    return crops


def photos_of(size):
    crops = np.stack([image[:128, :128] for image in fetch_bsd68().images]) / 255
    return reduced(crops, 128 // size) if 128 % size == 0 else None


def trained(images, options, kernel_size):
    start = perf_counter()
    autoencoder = FieldAutoencoder(
        width=16,
        kernel_size=kernel_size,
        patch_size=options.patch_size,
        max_steps=options.max_steps,
        batch_size=32,
        random_state=0,
    ).fit(images)
    print(
        f"\nkernel_size={kernel_size}: {autoencoder.n_parameters_} parameters, "
        f"{perf_counter() - start:.0f} s"
    )
    return autoencoder


def table(autoencoder, truth):
    """Print the PSNR at each size; `truth` is a function of the size."""
    Z = autoencoder.transform(truth(32))
    rendered = {size: autoencoder.inverse_transform(Z, size=size) for size in SIZES}
    print("size    rendering  bicubic  averages of twice the size")
    for size in SIZES:
        clean = truth(size)
        if clean is None:
            continue
        twice = autoencoder.inverse_transform(Z, size=2 * size)
        print(
            f"{size:4d} {psnr(clean, rendered[size]):12.2f} "
            f"{psnr(clean, magnified(rendered[32], size)):8.2f} "
            f"{psnr(rendered[size], reduced(twice, 2)):8.2f}",
            flush=True,
        )


def print_distance_to_disks(name, images):
    """Print the distance of images to the closest disks."""
    posterior = DiskPosteriorDenoiser(noise_std=0.02, random_state=0).fit(images)
    disks = posterior.transform(images)
    differences = (images - disks).std(axis=(1, 2))
    relative = np.median(differences / images.std(axis=(1, 2)))
    print(
        f"{name}: {psnr(disks, images):.1f} dB, relative difference {relative:.2f}, "
        f"standard deviation of values {images.std():.2f}",
        flush=True,
    )


def samples(autoencoder):
    """Compare samples of latent images and of images."""
    X = make_disk_images(5000, 32, random_state=0)
    networks = {}
    for name, images in [("latent", autoencoder.transform(X)), ("pixels", X)]:
        start = perf_counter()
        networks[name] = DNNDenoiser(
            width=16, depth=2, batch_size=32, learning_rate=1e-2, random_state=0
        ).fit(images)
        print(f"{name}: trained in {perf_counter() - start:.0f} s", flush=True)
    # transform removes the noise that remains in samples.
    Z = networks["latent"].transform(networks["latent"].sample(50, random_state=0))
    for size in (32, 64, 128):
        rendered = autoencoder.inverse_transform(Z, size=size)
        print_distance_to_disks(f"latent samples, {size} pixels", rendered)
    encoded = autoencoder.inverse_transform(autoencoder.transform(X[:50]))
    print_distance_to_disks("encoded and rendered images", encoded)
    drawn = networks["pixels"].sample(50, random_state=0)
    drawn = networks["pixels"].transform(drawn)
    print_distance_to_disks("samples of images", drawn)


if __name__ == "__main__":
    parts = ["disks", "photos", "samples"]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--max-steps", type=int, default=5000)
    parser.add_argument("--kernel-sizes", type=int, nargs="+", default=[3, 1])
    parser.add_argument("--patch-size", type=int, default=32)
    options = parser.parse_args()
    if "photos" in options.parts:
        for kernel_size in options.kernel_sizes:
            table(trained(photo_crops(), options, kernel_size), photos_of)
    if "disks" in options.parts:
        for kernel_size in options.kernel_sizes:
            table(trained(disk_images(), options, kernel_size), disks_of)
    if "samples" in options.parts:
        samples(trained(disk_images(), options, options.kernel_sizes[0]))
