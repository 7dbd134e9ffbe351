"""What is denoised: synthetic image classes, photographs, and published test sets."""

from sklearn_gahb.datasets._c_alpha import (
    make_c_alpha_backgrounds,
    make_c_alpha_images,
)
from sklearn_gahb.datasets._disks import (
    disk_coverage,
    disk_tangents,
    make_disk_images,
    render_disks,
)
from sklearn_gahb.datasets._folder import load_image_folder
from sklearn_gahb.datasets._photos import load_photo_patches
from sklearn_gahb.datasets._registry import get_data_home
from sklearn_gahb.datasets._remote import fetch_bsd68, fetch_bsd400, fetch_set12
from sklearn_gahb.datasets._synthetic import (
    make_gaussian_textures,
    make_ray_images,
    make_sine_images,
)

__all__ = [
    "disk_coverage",
    "disk_tangents",
    "fetch_bsd68",
    "fetch_bsd400",
    "fetch_set12",
    "get_data_home",
    "load_image_folder",
    "load_photo_patches",
    "make_c_alpha_backgrounds",
    "make_c_alpha_images",
    "make_disk_images",
    "make_gaussian_textures",
    "make_ray_images",
    "make_sine_images",
    "render_disks",
]
