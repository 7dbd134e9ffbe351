"""Images to denoise: synthetic classes, photographs, and published test sets."""

from ._bsds500 import fetch_bsds500
from ._c_alpha import make_c_alpha_backgrounds, make_c_alpha_images
from ._circle import make_circle_points
from ._darcy import darcy_residual, make_darcy_flow
from ._disks import (
    DiskPrior,
    disk_coverage,
    disk_tangents,
    make_disk_images,
    render_disks,
)
from ._folder import load_image_folder
from ._photos import load_photo_patches
from ._registry import fetch_files, get_data_home
from ._remote import fetch_bsd68, fetch_bsd400, fetch_set12
from ._synthetic import make_gaussian_textures, make_ray_images, make_sine_images

__all__ = [
    "DiskPrior",
    "darcy_residual",
    "disk_coverage",
    "disk_tangents",
    "fetch_bsd68",
    "fetch_bsd400",
    "fetch_bsds500",
    "fetch_files",
    "fetch_set12",
    "get_data_home",
    "load_image_folder",
    "load_photo_patches",
    "make_c_alpha_backgrounds",
    "make_c_alpha_images",
    "make_circle_points",
    "make_darcy_flow",
    "make_disk_images",
    "make_gaussian_textures",
    "make_ray_images",
    "make_sine_images",
    "render_disks",
]
