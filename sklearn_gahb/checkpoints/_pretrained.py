"""The networks that ship with the package."""

import json
from importlib.resources import files

from .._sklearn_compat import StrOptions, validate_params
from ._own import load

NAMES = ("photos-grey", "disks", "c-alpha-2", "c-alpha-4")
FOLDER = files(__package__) / "pretrained"


@validate_params(name=[StrOptions(set(NAMES))])
def load_pretrained(name="photos-grey"):
    r"""Load a network that ships with the package.

    All are blind UNets of [1]_ for images in [0, 1] with white Gaussian noise, narrower
    and trained for fewer steps than there. Nothing is downloaded.

    - "photos-grey": gray photographs, noise of standard deviation 0 to 1;
    - "disks": those of :func:`~sklearn_gahb.datasets.make_disk_images`, 32x32, noise
      of 0 to 1;
    - "c-alpha-2", "c-alpha-4": those of
      :func:`~sklearn_gahb.datasets.make_c_alpha_images`, 40x40, with alpha = 2 and 4,
      noise of 0 to 0.4.

    They work on images of other sizes, but have seen these. What each was trained on
    and how, and its PSNR, stand in its card, :func:`pretrained_card`.

    Parameters
    ----------
    name : {"photos-grey", "disks", "c-alpha-2", "c-alpha-4"}, default="photos-grey"
        The images it was trained on.

    Returns
    -------
    denoiser : DNNDenoiser
        Fitted, without `train_indices_`. On the GPU if torch finds one. To train it
        further on images of your own,
        ``set_params(warm_start=True, learning_rate=3e-4)``, with `max_steps` as it
        suits, on images or crops at least as large as those of the card: norms are
        measured on them. `fit` starts afresh otherwise.

    See Also
    --------
    pretrained_card : How the network was trained, and how good it is.
    fetch_published : Download networks that others published.

    Notes
    -----
    The weights are stored in float16, and computed with in float32.

    References
    ----------
    .. [1] Z. Kadkhodaie, F. Guth, E. P. Simoncelli, S. Mallat, "Generalization in
       diffusion models arises from geometry-adaptive harmonic representations",
       ICLR 2024. :arxiv:`2310.02557`

    Examples
    --------
    >>> from sklearn_gahb.checkpoints import load_pretrained
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> X = make_disk_images(10, 32, random_state=1)
    >>> load_pretrained("disks").set_params(random_state=0).score(X) > 30
    True
    """
    return load(FOLDER / f"{name}.safetensors")


@validate_params(name=[StrOptions(set(NAMES))])
def pretrained_card(name="photos-grey"):
    """Say how a network that ships with the package was trained, and how good it is.

    Parameters
    ----------
    name : {"photos-grey", "disks", "c-alpha-2", "c-alpha-4"}, default="photos-grey"
        As for :func:`load_pretrained`.

    Returns
    -------
    card : dict
        With the training images ("data"), the parameters of
        :class:`~sklearn_gahb.DNNDenoiser` ("recipe"), steps, minutes and hardware
        ("training"), mean PSNR in dB on images it has not seen ("psnr"), "license", and
        the "command" of the repository that made it.

    See Also
    --------
    load_pretrained : The network itself.

    Examples
    --------
    >>> from sklearn_gahb.checkpoints import pretrained_card
    >>> pretrained_card("photos-grey")["title"]
    'Gray photographs'
    """
    return json.loads((FOLDER / f"{name}.json").read_text())
