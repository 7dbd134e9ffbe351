"""Sampling from the density implicit in a denoiser."""

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
    r"""Draw images from the density that a denoiser implies.

    A denoiser that minimizes the mean squared error determines the gradient of the log
    density of noisy images: :math:`\hat x(y) = y + \sigma^2 \nabla \log p_\sigma(y)`
    (Miyasawa, Tweedie). A sampler starts from noise and reduces the noise level step by
    step.

    Parameters
    ----------
    denoiser : estimator, module or callable
        Anything that :func:`~sklearn_gahb.as_denoiser` accepts: a fitted denoiser, a
        pipeline or search around one, a trained network, or a function
        ``denoise(y, noise_std)``.
    n_samples : int, default=1
        Number of images.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of the images. If None, networks
        that were trained on crops use the height and width of the crops. Other
        denoisers use the height and width of the images passed to `fit`. Functions and
        modules require a shape.
    sampler : Sampler, default=None
        Sampling method: :class:`~sklearn_gahb.samplers.GradientEstimation`,
        :class:`~sklearn_gahb.samplers.DDIM`, :class:`~sklearn_gahb.samplers.Ancestral`,
        :class:`~sklearn_gahb.samplers.CoarseToFine`, or your own sampler. The sampler
        sets the number of steps and the first and last noise levels. If None,
        ``GradientEstimation(n_steps=50)`` is used.
    mean : float or Tensor that broadcasts to (n, channels, height, width), default=None
        Mean of the noisy images from which sampling starts, as a fraction of the data
        range of the denoiser. If None, a :class:`~sklearn_gahb.DNNDenoiser` starts from
        stationary Gaussian images with the mean and the covariance of the images passed
        to `fit`, because its highest noise level does not hide images. Other denoisers
        start from the mean of these images. Denoisers that do not store these moments,
        such as :meth:`DNNDenoiser.from_module`, start from 0.5.
    batch_size : int, default=None
        Number of images to denoise at a time. If None, each batch holds about 2**18
        values, that is, images times pixels times channels. The batch size does not
        affect the noise.
    keep_every : int or None, default=1
        Interval, in steps, at which the trajectory records the images. The last step is
        always recorded. If None, only the last step is recorded.
    return_trajectory : bool, default=False
        If True, also return the trajectory.
    callback : callable, default=None
        Function ``callback(step, y, noise_std)`` that is called before the first step
        (as step 0) and after each step. `y` is a tensor of shape (n, channels, height,
        width).
    random_state : int, RandomState instance or None, default=None
        Seed of the noise. If an int, a larger `n_samples` appends images and leaves the
        other images unchanged.

    Returns
    -------
    X : ndarray of shape (n_samples, height, width[, channels]) or (n_samples, n_pixels)
        Samples in float32, in the units of the data range, not clipped. If the denoiser
        has an `image_shape`, each sample is a row of pixels. Otherwise, each sample is
        an image.
    trajectory : Trajectory
        Recorded steps. Only returned if `return_trajectory` is True.

    Raises
    ------
    ValueError
        If `image_shape` is required but missing, if noise levels do not decrease, or if
        the denoiser returns NaN or an image of a different shape.

    See Also
    --------
    solve_inverse : Draw images that match given measurements.

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
