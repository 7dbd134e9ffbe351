"""Images of generated shapes, dtypes, values and memory layouts."""

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import strategies as st

REAL_DTYPES = (
    "bool u1 u2 u4 u8 i1 i2 i4 i8 f2 f4 f8 f8 f4 u1 longdouble".split()  # noqa: SIM905
)
OTHER_DTYPES = ["c8", "O", "U8", "M8[s]", "m8[s]", "S4", "i4,f4"]
SHAPES = ["stack"] * 4 + ["color", "rows", "color rows", "list", "list of one size"]
OTHER_SHAPES = ["one image", "row", "scalar", "empty", "no pixels", "5 axes"]
ARRAYS = ["Fortran", "strided", "reversed", "other byte order", "read-only", "shifted"]
TENSORS = ["tensor", "permuted tensor", "tensor with gradient"]
# What these hold has another dtype than the array.
OTHER_CONTAINERS = ["nested lists", "objects"]
SIDES = st.one_of(st.integers(1, 9), st.sampled_from([8, 8, 12, 16]))


@dataclass
class Case:
    """Images in a plain layout, and the same images in another one.

    Attributes
    ----------
    plain : ndarray or list of ndarray
        In native byte order and C order, writable.
    images : object
        The same values in another layout or container.
    layout : str
        Name of the layout of `images`.
    image_shape : tuple of int or None
        Shape of the images in rows.
    """

    plain: object
    images: object
    layout: str
    image_shape: tuple | None

    @property
    def is_real(self):
        """Whether the plain arrays hold real numbers, in an accepted dtype."""
        return all(one.dtype.kind in "buif" for one in arrays_in(self.plain))

    @property
    def size(self):
        """Shape of the first image, or 8x8 pixels if there is none."""
        size = arrays_in(self.plain)[0].shape
        size = size if isinstance(self.plain, list) else size[1:]
        return size if size and 0 not in size else (8, 8)

    @property
    def keeps_values(self):
        """Whether `images` has the values and the dtype of `plain`."""
        return self.is_real and self.layout not in OTHER_CONTAINERS

    @property
    def is_finite(self):
        """Whether all values are finite real numbers."""
        return self.is_real and all(np.isfinite(x).all() for x in arrays_in(self.plain))


def arrays_in(images):
    """Return the arrays in a list, or a list of the array itself."""
    return images if isinstance(images, list) else [images]


def values_of(kind, shape, rng):
    """Return float64 values of a kind."""
    x = np.asarray(rng.rand(*shape))
    if kind == "noise":
        return x
    if kind == "signed":
        return rng.normal(size=shape)
    if kind == "bytes":
        return np.floor(256 * x)
    if kind == "binary":
        return np.round(x)
    if kind == "constant":
        return np.full(shape, x.flat[0] if x.size else 0.0)
    if kind == "one pixel":
        one = np.zeros(shape)
        one.reshape(-1)[:1] = 1
        return one
    if kind == "pedestal":
        return 1e6 + x
    if kind == "not finite":
        x.reshape(-1)[:1] = rng.choice([np.nan, np.inf, -np.inf])
        return x
    return float(kind) * (x - 0.3)


VALUES = [
    *["noise"] * 6,
    *["bytes", "signed", "binary", "constant", "one pixel", "pedestal", "not finite"],
    *["0", "1e-20", "1e-40", "1e-160", "1e-310", "1e8", "1e15", "1e30", "1e300"],
]


def as_dtype(x, dtype):
    """Convert values to a dtype, within its range."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        x = np.nan_to_num(x, nan=0)
        # The largest integers have no exact float64.
        return np.clip(x, float(info.min), float(info.max) * (1 - 1e-15)).astype(dtype)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        if dtype.kind in "mM":
            return (
                np.nan_to_num(100 * x, posinf=0, neginf=0)
                .clip(-1e9, 1e9)
                .astype("i8")
                .astype(dtype)
            )
        if dtype.kind == "V":
            return np.zeros(x.shape, dtype)
        return x.astype(dtype)


def in_layout(x, layout):
    """Return the same values with other strides, byte order or container."""
    if layout == "Fortran":
        return np.asfortranarray(x)
    if layout == "strided":
        wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
        wide[..., ::2] = x
        return wide[..., ::2]
    if layout == "reversed":
        return x[..., ::-1].copy()[..., ::-1]
    if layout == "other byte order":
        return x.astype(x.dtype.newbyteorder("S"))
    if layout == "read-only":
        x = x.copy()
        x.flags.writeable = False
        return x
    if layout == "shifted":
        buffer = np.zeros(x.nbytes + 1, np.uint8)
        shifted = buffer[1:].view(x.dtype).reshape(x.shape)
        shifted[...] = x
        return shifted
    if layout == "tensor":
        return torch.from_numpy(x.copy())
    if layout == "permuted tensor":
        return torch.from_numpy(x.T.copy()).permute(*range(x.ndim)[::-1])
    if layout == "tensor with gradient":
        return torch.from_numpy(x.copy()).requires_grad_()
    if layout == "nested lists":
        return x.tolist()
    return x.astype(object)


def layouts_for(dtype, ndim):
    """Return the names of the layouts that a dtype can have."""
    if dtype.kind not in "buif" or ndim == 0:
        return ["objects"]
    if dtype.itemsize > 8:
        return ["Fortran", "strided", "reversed", "read-only", "objects"]
    tensors = [one for one in TENSORS if dtype.kind == "f" or "gradient" not in one]
    return ARRAYS + tensors + OTHER_CONTAINERS


@st.composite
def cases(draw, shapes=(*SHAPES, *OTHER_SHAPES), max_images=4, is_square=False):
    """Draw a Case; most images are gray and square if `is_square` is True."""
    kind = draw(st.sampled_from(list(shapes)))
    is_usual = draw(st.integers(0, 19)) > 0
    dtype = np.dtype(draw(st.sampled_from(REAL_DTYPES if is_usual else OTHER_DTYPES)))
    values = draw(st.sampled_from(VALUES))
    rng = np.random.RandomState(draw(st.integers(0, 2**31)))
    n, height, width = draw(st.integers(1, max_images)), draw(SIDES), draw(SIDES)
    channels = draw(st.integers(1, 5))
    if is_square and draw(st.integers(0, 4)):
        height, channels = width, 1
    size, image_shape = (height, width), None
    if "color" in kind:
        size = (*size, channels)
    shape = {
        "one image": size,
        "row": size[:1],
        "scalar": (),
        "empty": (0, *size),
        "no pixels": (n, 0, width),
        "5 axes": (n, *size, 1, 1),
    }.get(kind, (n, *size))
    if "rows" in kind:
        image_shape = size
        shape = (n, int(np.prod(size)))
    layout = draw(st.sampled_from(layouts_for(dtype, len(shape))))

    def array(shape):
        return as_dtype(np.asarray(values_of(values, shape, rng)), dtype)

    if not kind.startswith("list"):
        plain = array(shape)
        return Case(plain, in_layout(plain, layout), layout, image_shape)
    sizes = [size] * n
    if kind == "list":
        sizes = [(draw(SIDES), draw(SIDES)) for _ in range(n)]
    plain = [array(one) for one in sizes]
    return Case(plain, [in_layout(one, layout) for one in plain], layout, None)
