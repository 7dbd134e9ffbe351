"""The networks that ship with the package."""

import json
from importlib.resources import files

from .._sklearn_compat import StrOptions, validate_params
from ._own import load

NAMES = (
    "photos-grey",
    "photos-grey-small",
    "photos-grey-conservative",
    "photos-color",
    "disks",
    "c-alpha-2",
    "c-alpha-4",
)
FOLDER = files(__package__) / "pretrained"


@validate_params(name=[StrOptions(set(NAMES))])
def load_pretrained(name="photos-grey"):
    r"""Load a network that ships with the package.

    All networks are blind UNets as in [1]_, for images in [0, 1] with white Gaussian
    noise. They have fewer channels than the networks in [1]_, and they were trained for
    fewer steps. Nothing is downloaded.

    - "photos-grey" was trained on gray photographs, with noise of standard deviation 0
      to 1.
    - "photos-grey-small" was trained on the same photographs. It has a quarter of the
      parameters and is twice as fast. Its PSNR is 0.2 to 0.3 dB lower.
    - "photos-grey-conservative" has the size of "photos-grey-small" and a symmetric
      Jacobian, see :class:`~sklearn_gahb.networks.ConservativeNetwork`. Use it to study
      its basis and its energy. It denoises worse: its PSNR is 0.4 dB lower than that of
      "photos-grey-small" at level 0.5, 1.8 dB at level 0.1, and 4.4 dB at level 0.02.
      There, its outputs are worse than the noisy images.
    - "photos-color" was trained on color photographs, with noise of standard deviation
      0 to 1.
    - "disks" was trained on 32x32 images from
      :func:`~sklearn_gahb.datasets.make_disk_images`, with noise of standard deviation
      0 to 1.
    - "c-alpha-2" and "c-alpha-4" were trained on 40x40 images from
      :func:`~sklearn_gahb.datasets.make_c_alpha_images` with alpha = 2 and alpha = 4,
      with noise of standard deviation 0 to 0.4.

    The networks accept images of other sizes, but they were not trained on such images.
    :func:`pretrained_card` returns the card of a network. The card describes the
    training images, the training and the PSNR.

    Parameters
    ----------
    name : str, default="photos-grey"
        Name of the network: "photos-grey", "photos-grey-small",
        "photos-grey-conservative", "photos-color", "disks", "c-alpha-2" or "c-alpha-4".

    Returns
    -------
    denoiser : DNNDenoiser
        Fitted denoiser, without the attribute `train_indices_`. Its network is on the
        GPU if PyTorch finds a GPU. To train the network further on your own images,
        call ``set_params(warm_start=True, learning_rate=3e-4)``, choose `max_steps`,
        and then call `fit`. Without ``warm_start=True``, `fit` trains a new network.
        Use images or crops at least as large as the training images that the card
        describes, because the network has seen few borders.

    See Also
    --------
    pretrained_card : Describes the training and the PSNR of the network.
    fetch_published : Downloads networks that others published.

    Notes
    -----
    The file stores the weights in float16. The network computes in float32.

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
    """Return the card of a pretrained network: its training and its PSNR.

    Parameters
    ----------
    name : str, default="photos-grey"
        Name of the network, as in :func:`load_pretrained`.

    Returns
    -------
    card : dict
        Card of the network. "data" describes the training images. "recipe" holds the
        parameters of :class:`~sklearn_gahb.DNNDenoiser`. "training" holds the number of
        steps, the training time in minutes and the hardware. "psnr" holds the mean PSNR
        in dB on test images. "license" is the license, and "command" is the command
        that trained the network. The script in the repository may have changed since.

    See Also
    --------
    load_pretrained : Loads the network.

    Examples
    --------
    >>> from sklearn_gahb.checkpoints import pretrained_card
    >>> pretrained_card("photos-grey")["title"]
    'Gray photographs'
    """
    return json.loads((FOLDER / f"{name}.json").read_text())
