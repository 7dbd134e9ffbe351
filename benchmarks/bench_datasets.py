"""Speed of the generators and loaders of images.

python benchmarks/bench_datasets.py
"""

from time import perf_counter

from sklearn_gahb.datasets import (
    load_photo_patches,
    make_c_alpha_images,
    make_disk_images,
    make_gaussian_textures,
    make_ray_images,
    make_sine_images,
)

CASES = [
    (make_disk_images, 10_000, 32),
    (make_sine_images, 10_000, 32),
    (make_ray_images, 10_000, 32),
    (make_gaussian_textures, 1_000, 64),
    (make_c_alpha_images, 1_000, 80),
]
for make, n_samples, image_size in CASES:
    make(10, image_size, random_state=0)
    start = perf_counter()
    make(n_samples, image_size, random_state=0)
    seconds = perf_counter() - start
    size = f"{image_size}x{image_size}"
    print(f"{make.__name__:24} {n_samples:6} of {size}: {seconds:5.2f} s")

start = perf_counter()
load_photo_patches(32, 10_000, random_state=0)
print(f"{'load_photo_patches':24}  10000 of 32x32: {perf_counter() - start:5.2f} s")
