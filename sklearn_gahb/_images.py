"""Images that passed validation."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.utils import gen_batches

from ._tensors import (
    empty_float_like,
    from_fractions,
    is_tensor,
    largest_value,
    raw_tensor,
    to_tensor,
)


@dataclass(frozen=True)
class Images:
    """Images that passed validation, stored without a copy and in their original dtype.

    :func:`check_images` returns this object.

    Parameters
    ----------
    data : ndarray, Tensor or list of those
        The images that the user passed, as arrays.
    stacks : list of (ndarray or Tensor) of shape (n, height, width, channels)
        Views of `data`. If `data` is a list, each photograph is a stack. Otherwise, all
        images are in a single stack.
    name : str, default="X"
        Name of the images in error messages.
    data_range : tuple of (float, float), default=None
        Values of black and white. If None, the dtype defines them.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.images import check_images
    >>> images = check_images(np.full((3, 4, 5), 51, dtype=np.uint8))
    >>> len(images), images.n_channels, images.sizes
    (3, 1, {(4, 5)})
    >>> images.map(lambda x: x + 0.5)[0, 0, 0].round(2)
    np.float32(0.7)
    """

    data: object
    stacks: list
    name: str = "X"
    data_range: tuple | None = None

    def __len__(self):
        return sum(len(stack) for stack in self.stacks)

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return self.stacks[0].shape[-1]

    @property
    def is_list(self) -> bool:
        """Whether the images are a list of photographs, one array per photograph."""
        return isinstance(self.data, list)

    @property
    def sizes(self) -> set[tuple[int, int]]:
        """Set of the distinct image sizes (height, width)."""
        return {tuple(stack.shape[1:3]) for stack in self.stacks}

    @property
    def black_and_white(self) -> tuple[float, float]:
        """Values that are read as 0 and 1."""
        dtype = self.stacks[0].dtype
        return self.data_range or (0.0, float(largest_value(dtype)))

    def locate(self, index):
        """Find an image in the stacks.

        Parameters
        ----------
        index : int
            Number of the image.

        Returns
        -------
        stack : ndarray or Tensor of shape (n, height, width, channels)
            Stack that holds the image.
        position : int
            Position of the image in the stack.
        """
        return (self.stacks[index], 0) if self.is_list else (self.stacks[0], index)

    def take(self, indices):
        """Select images.

        Parameters
        ----------
        indices : ndarray of int
            Numbers of the images.

        Returns
        -------
        selected : ndarray, Tensor or list of those
            The selected images, in the layout of `data`.
        """
        return [self.data[i] for i in indices] if self.is_list else self.data[indices]

    def as_one_stack(self):
        """Join the stacks, whose images must have equal sizes.

        Returns
        -------
        stack : ndarray or Tensor of shape (n, height, width, channels)
            All images.
        """
        if not self.is_list:
            return self.stacks[0]
        if is_tensor(self.stacks[0]):
            import torch

            return torch.cat(self.stacks)
        return np.concatenate(self.stacks)

    def to(self, device):
        """Move the images to a device, as tensors of the same dtype.

        Parameters
        ----------
        device : torch.device
            Device of the tensors. If it is the CPU, the images are returned unchanged.

        Returns
        -------
        images : Images
            Images on the device.
        """
        if device.type == "cpu":
            return self
        stacks = [raw_tensor(stack).to(device) for stack in self.stacks]
        return replace(self, stacks=stacks)

    def to_tensor(self, stack, device=None):
        """Convert part of a stack to a float tensor.

        Parameters
        ----------
        stack : ndarray or Tensor of shape (n, height, width, channels)
            Part of one of the stacks.
        device : torch.device, default=None
            Device of the result. If None, tensors stay on their device.

        Returns
        -------
        tensor : Tensor of shape (n, channels, height, width)
            Images as fractions of the data range.
        """
        return to_tensor(stack, device, self.data_range)

    def tensors(self):
        """Yield all images in order.

        Yields
        ------
        tensor : Tensor of shape (n, channels, height, width)
            Images as fractions of the data range.
        """
        for number, batch in self._batches():
            yield self.to_tensor(self.stacks[number][batch])

    def map(self, function, *others):
        """Apply a function to float tensors; return results in the layout of `data`.

        Parameters
        ----------
        function : callable
            Function of a batch of these images and of the corresponding batch of each
            of `others`. It returns a tensor of the same shape as the first batch,
            (n, channels, height, width). Values are fractions of the data range.
        *others : Images
            Images of the same shapes as these images.

        Returns
        -------
        result : ndarray, Tensor or list of those
            Result of the same shape as `data`, float32 or float64. It is in the units
            of `data` if `data_range` is not None, and unchanged otherwise.
        """
        import torch

        arrays = self.data if self.is_list else [self.data]
        results = [empty_float_like(one) for one in arrays]
        with torch.no_grad():
            for i, batch in self._batches():
                batches = (
                    one.to_tensor(one.stacks[i][batch]) for one in (self, *others)
                )
                result = from_fractions(function(*batches), self.data_range)
                result = result.permute(0, 2, 3, 1)
                target = results[i].reshape(self.stacks[i].shape)
                target[batch] = result if is_tensor(target) else result.cpu().numpy()
        return results if self.is_list else results[0]

    def _batches(self, max_pixels=2**19):
        """Yield (stack number, slice): at most `max_pixels` pixels, or one image."""
        for number, stack in enumerate(self.stacks):
            n_pixels = stack.shape[1] * stack.shape[2]
            for batch in gen_batches(len(stack), max(1, max_pixels // n_pixels)):
                yield number, batch
