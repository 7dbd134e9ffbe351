"""Patches of the photographs that ship with scikit-learn and PyWavelets."""

from pathlib import Path

import numpy as np
import pywt.data
from sklearn.datasets import load_sample_images
from sklearn.utils import Bunch, check_random_state

from .._optional import import_optional
from .._sklearn_compat import COUNT, StrOptions, validate_params

COLOR_PHOTOS = ("china", "flower")
GRAY_PHOTOS = ("aero", "ascent", "camera")

_DESCR = """\
Photographs that ship with scikit-learn and PyWavelets
------------------------------------------------------

=======  =========  ========  ===================================
name     size       channels  source
=======  =========  ========  ===================================
aero     512 x 512  1         pywt.data.aero
ascent   512 x 512  1         pywt.data.ascent
camera   512 x 512  1         pywt.data.camera
china    427 x 640  3         sklearn.datasets.load_sample_images
flower   427 x 640  3         sklearn.datasets.load_sample_images
=======  =========  ========  ===================================

Intensities are unsigned 8-bit integers. The gray versions of china and flower are the
luma of ITU-R BT.601, 0.299 red + 0.587 green + 0.114 blue. Both photographs are JPEG
files and have slight compression artifacts. sklearn.datasets.load_sample_images().DESCR
names their authors and licenses (Creative Commons Attribution 2.0).
"""


def read_photos(color):
    """Read the photographs.

    Parameters
    ----------
    color : bool
        If True, read only the color photographs, in color. If False, read all
        photographs in gray.

    Returns
    -------
    photos : dict of str to ndarray of shape (height, width) or (height, width, 3)
        Photographs in uint8, keyed by name.
    """
    pillow = import_optional("PIL.Image", "images")
    samples = load_sample_images()
    names = [Path(filename).stem for filename in samples.filenames]
    if color:
        return dict(zip(names, map(np.array, samples.images), strict=True))
    gray = [np.array(pillow.fromarray(x).convert("L")) for x in samples.images]
    photos = {name: getattr(pywt.data, name)().copy() for name in GRAY_PHOTOS}
    return photos | dict(zip(names, gray, strict=True))


def random_positions(photos, patch_size, n_patches, rng):
    """Draw patches uniformly from all patches of all photographs.

    Parameters
    ----------
    photos : list of ndarray of shape (height, width, ...)
        Photographs whose height and width are at least `patch_size`.
    patch_size : int
        Height and width of a patch.
    n_patches : int
        Number of patches to draw, with replacement.
    rng : RandomState
        Random number generator.

    Returns
    -------
    positions : ndarray of shape (n_patches, 3)
        One row per patch: the index of its photograph, its first row, and its first
        column.
    """
    shapes = np.array([photo.shape[:2] for photo in photos]) - patch_size + 1
    counts = shapes.prod(axis=1)
    ends = np.cumsum(counts)
    drawn = rng.randint(ends[-1], size=n_patches)
    photo = np.searchsorted(ends, drawn, side="right")
    row, column = np.divmod(drawn - (ends - counts)[photo], shapes[photo, 1])
    return np.column_stack([photo, row, column])


def grid_positions(photos, patch_size):
    """Tile photographs with patches that do not overlap.

    Parameters
    ----------
    photos : list of ndarray of shape (height, width, ...)
        Photographs whose height and width are at least `patch_size`.
    patch_size : int
        Height and width of a patch.

    Returns
    -------
    positions : ndarray of shape (n_patches, 3)
        Index of the photograph, first row and first column of each patch.
    """
    grids = []
    for index, photo in enumerate(photos):
        grid = np.indices((1, *np.array(photo.shape[:2]) // patch_size))
        grids.append(grid.reshape(3, -1).T * patch_size + [index, 0, 0])
    return np.concatenate(grids)


def extract_patches(photos, positions, patch_size):
    """Extract patches from photographs.

    Parameters
    ----------
    photos : list of ndarray of shape (height, width) or (height, width, n_channels)
        Photographs.
    positions : ndarray of shape (n_patches, 3)
        Index of the photograph, first row and first column of each patch.
    patch_size : int
        Height and width of a patch.

    Returns
    -------
    patches : ndarray of shape (n_patches, patch_size, patch_size) or \
            (n_patches, patch_size, patch_size, n_channels)
        Patches in the order of `positions`.
    """
    return np.stack(
        [
            photos[index][row : row + patch_size, column : column + patch_size]
            for index, row, column in positions.tolist()
        ]
    )


def _select_photos(photos, subset, test_photos):
    known = (*GRAY_PHOTOS, *COLOR_PHOTOS)
    unknown = [name for name in test_photos if name not in known]
    if unknown:
        raise ValueError(
            f"test_photos must only contain names among {', '.join(known)}. Got "
            f"{unknown[0]!r} instead."
        )
    wanted = {"train": (False,), "test": (True,), "all": (False, True)}[subset]
    selected = {
        name: photo for name, photo in photos.items() if (name in test_photos) in wanted
    }
    if not selected:
        raise ValueError(
            f"test_photos={test_photos!r} leaves no photograph for subset={subset!r}. "
            f"The photographs are {', '.join(photos)}."
        )
    return selected


@validate_params(
    patch_size=[COUNT],
    n_patches=[COUNT, None],
    subset=[StrOptions({"train", "test", "all"})],
    test_photos=[list, tuple],
    color=["boolean"],
)
def load_photo_patches(
    patch_size=32,
    n_patches=10000,
    *,
    subset="train",
    test_photos=("camera", "flower"),
    color=False,
    random_state=None,
):
    """Load patches of the photographs that ship with scikit-learn and PyWavelets.

    The five photographs are named "aero", "ascent", "camera", "china" and "flower".
    They need no download. The training and the test subset never share a photograph.

    =================   ==============================
    Photographs         5 (2 of them also in color)
    Sizes               512 x 512 and 427 x 640
    Intensities         0 to 255, unsigned 8-bit
    =================   ==============================

    Parameters
    ----------
    patch_size : int, default=32
        Height and width of a patch, in pixels. Must be at most 427.
    n_patches : int, default=10000
        Number of patches. They are drawn uniformly and with replacement from all
        patches of the photographs, so they can overlap. If None, the photographs are
        cut into patches that do not overlap. Incomplete patches at the lower and right
        borders are left out.
    subset : {"train", "test", "all"}, default="train"
        Photographs to use. "train" excludes `test_photos`, "test" uses only
        `test_photos`, and "all" uses all photographs.
    test_photos : list of str, default=("camera", "flower")
        Names of the photographs reserved for testing.
    color : bool, default=False
        If True, return color patches, which come from "china" and "flower" only. If
        False, convert these two photographs to gray. Pillow computes their luma of
        ITU-R BT.601, 0.299 red + 0.587 green + 0.114 blue.
    random_state : int, RandomState instance or None, default=None
        Seed of the random positions. For a given int, a larger `n_patches` appends
        patches and leaves the earlier ones unchanged.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        images : ndarray of shape (n_patches, patch_size, patch_size) or \
                (n_patches, patch_size, patch_size, 3), dtype=uint8
            Patches of the photographs.
        groups : ndarray of shape (n_patches,)
            For each patch, the name of its photograph. Pass the names as `groups` to
            splitters such as :class:`~sklearn.model_selection.GroupKFold`.
        photos : dict of str to ndarray of shape (height, width) or (height, width, 3)
            Whole photographs of the subset in uint8, keyed by name.
        DESCR : str
            Description of the photographs.

    Raises
    ------
    ImportError
        If Pillow is not installed. Pillow reads "china" and "flower".
    ValueError
        If `patch_size` is larger than a photograph, if `test_photos` has unknown names,
        or if the subset is empty.

    See Also
    --------
    load_image_folder : Your own photographs.
    fetch_bsd400 : 400 training photographs, to download.

    Examples
    --------
    >>> from sklearn_gahb.datasets import load_photo_patches
    >>> train = load_photo_patches(patch_size=16, n_patches=100, random_state=0)
    >>> train.images.shape, sorted(train.photos)
    ((100, 16, 16), ['aero', 'ascent', 'china'])
    >>> test = load_photo_patches(patch_size=16, n_patches=None, subset="test")
    >>> test.images.shape, sorted(test.photos)
    ((2064, 16, 16), ['camera', 'flower'])
    """
    photos = _select_photos(read_photos(color), subset, test_photos)
    for name, photo in photos.items():
        if patch_size > min(photo.shape[:2]):
            raise ValueError(
                f"patch_size must be at most {min(photo.shape[:2])}, the shorter side "
                f"of the photograph {name!r}. Got {patch_size} instead."
            )
    stack, rng = list(photos.values()), check_random_state(random_state)
    if n_patches is None:
        positions = grid_positions(stack, patch_size)
    else:
        positions = random_positions(stack, patch_size, n_patches, rng)
    return Bunch(
        images=extract_patches(stack, positions, patch_size),
        groups=np.array(list(photos))[positions[:, 0]],
        photos=photos,
        DESCR=_DESCR,
    )
