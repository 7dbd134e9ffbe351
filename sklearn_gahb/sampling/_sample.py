"""Samples from the density that is implicit in a denoiser."""

from ..denoisers import as_denoiser


def sample(
    denoiser,
    n_samples=1,
    *,
    image_shape=None,
    sampler=None,
    mean=None,
    batch_size=None,
    keep_every=1,
    return_trajectory=False,
    callback=None,
    random_state=None,
):
    r"""Draw images from the density that is implicit in a denoiser.

    A denoiser that minimizes the mean squared error knows the density of noisy images:
    :math:`\hat x(y) = y + \sigma^2 \nabla \log p_\sigma(y)` (Miyasawa, Tweedie). A
    sampler begins with noise and goes to ever lower levels.

    Parameters
    ----------
    denoiser : estimator, module or callable
        Anything that :func:`~sklearn_gahb.as_denoiser` takes: a fitted denoiser, a
        pipeline or search around one, a trained network, or a function
        ``denoise(y, noise_std)``.
    n_samples : int, default=1
        Number of images.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of the images. None takes the size
        of the crops that a network was trained on, or else that of the images of `fit`.
        Functions and modules need it.
    sampler : Sampler, default=None
        The method: :class:`~sklearn_gahb.samplers.GradientEstimation`,
        :class:`~sklearn_gahb.samplers.DDIM`, :class:`~sklearn_gahb.samplers.Ancestral`,
        :class:`~sklearn_gahb.samplers.CoarseToFine`, or one of your own. None means
        ``GradientEstimation(n_steps=50)``. It holds the number of steps and the first
        and the last noise level.
    mean : float or Tensor that broadcasts to (n, channels, height, width), default=None
        Mean of the first images. None takes that of the images of `fit` if the denoiser
        knows it, and else 0.5, which suits images in [0, 1].
    batch_size : int, default=None
        Number of images that are denoised at a time. None means as many as have 2**18
        values. It has no influence on the noise.
    keep_every : int or None, default=1
        Which steps the trajectory keeps. None keeps the last one.
    return_trajectory : bool, default=False
        Whether to return the trajectory too.
    callback : callable, default=None
        ``callback(step, y, noise_std)`` with a tensor `y` of shape (n, channels,
        height, width), before the first step (0) and after each.
    random_state : int, RandomState instance or None, default=None
        Determines the noise. With the same int, fewer samples are the first ones of
        more samples.

    Returns
    -------
    X : ndarray of shape (n_samples, height, width[, channels]) or (n_samples, n_pixels)
        Rows if the denoiser has an `image_shape`, else images. float32, not clipped.
    trajectory : Trajectory
        What was kept on the way. Only if `return_trajectory` is True.

    Raises
    ------
    ValueError
        If `image_shape` is needed and not given, levels do not decrease, or the
        denoiser returns another shape or NaN.

    See Also
    --------
    solve_inverse : Samples that agree with measurements.

    Examples
    --------
    >>> from sklearn_gahb import EmpiricalDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.samplers import DDIM
    >>> from sklearn_gahb.sampling import sample
    >>> denoiser = EmpiricalDenoiser().fit(make_disk_images(5, 16, random_state=0))
    >>> sample(denoiser, 3, sampler=DDIM(n_steps=20), random_state=0).shape
    (3, 16, 16)
    """
    return as_denoiser(denoiser).sample(
        n_samples,
        image_shape=image_shape,
        sampler=sampler,
        mean=mean,
        batch_size=batch_size,
        keep_every=keep_every,
        return_trajectory=return_trajectory,
        callback=callback,
        random_state=random_state,
    )
