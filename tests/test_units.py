"""Images in [0, 1] together with images in [0, 255]."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklearn_gahb import (
    DNNDenoiser,
    GaussianNoise,
    GeneralizationAnalyzer,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    make_psnr_scorer,
    psnr,
)
from sklearn_gahb.jacobian import posterior_std

RNG = np.random.RandomState(0)
BYTES = RNG.randint(256, size=(30, 8, 8), dtype=np.uint8)
FLOATS = BYTES.astype(np.float64)
denoiser = WaveletThresholdDenoiser("haar", noise_std=0.1)
network = DNNDenoiser(width=2, depth=1, max_steps=1, random_state=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: psnr(BYTES, FLOATS), "clean is uint8 .* denoised, which is float64"),
        (lambda: network.fit(FLOATS + 25, BYTES), "y is uint8 .* X, which is float64"),
        (
            lambda: network.fit(torch.tensor(FLOATS + 25), torch.tensor(BYTES)),
            r"y is torch.uint8 .* X, which is torch.float64",
        ),
        (
            lambda: denoiser.fit(BYTES).score(FLOATS + 25, BYTES),
            r"y is uint8 .* mean of 15[0-9]\. Divide X by 255",
        ),
        (
            lambda: denoiser.fit(BYTES).score(list(FLOATS + 25), list(BYTES)),
            "y is uint8 .* X, which is float64",
        ),
        (
            lambda: GeneralizationAnalyzer(network, (1, 2)).fit(BYTES, X_test=FLOATS),
            "X is uint8 .* X_test, which is float64",
        ),
        (
            lambda: GeneralizationAnalyzer(network, (1, 2)).fit(FLOATS, X_test=BYTES),
            "X_test is uint8 .* X, which is float64",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:noise_std=0.1 is very low")
def test_mixed_units_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.filterwarnings("ignore:noise_std=0.1 is very low")
def test_the_same_units_in_two_dtypes():
    noisy = FLOATS / 255 + 30 * RNG.randn(*FLOATS.shape)
    by_bytes, by_floats = (
        denoiser.fit(clean).score(noisy, clean) for clean in (BYTES, FLOATS / 255)
    )
    assert by_bytes == pytest.approx(by_floats)


@pytest.mark.parametrize(
    "call",
    [
        lambda: GaussianNoise(25).fit_transform(BYTES),
        lambda: clone(network).fit(BYTES).set_params(noise_std=25).score(BYTES),
        lambda: make_psnr_scorer(noise_std=25)(denoiser.fit(BYTES), BYTES),
        lambda: WienerDenoiser(noise_std=25).fit(BYTES),
        lambda: clone(denoiser).fit(FLOATS).set_params(noise_std=25).transform(BYTES),
        lambda: clone(network).set_params(train_noise_std=(0, 25)).fit(BYTES),
        lambda: posterior_std(denoiser.fit(BYTES), BYTES[0], 25),
    ],
)
@pytest.mark.filterwarnings("ignore:noise_std=0.1 is very low")
def test_levels_of_255_warn(call):
    with pytest.warns(
        UserWarning, match=r"If you mean 25 of 255, pass 25 / 255"
    ) as records:
        call()
    assert {record.filename for record in records} == {__file__}


@pytest.mark.filterwarnings("ignore:Denoised test images have a lower PSNR")
def test_analyzers_warn_of_levels_of_255():
    analyzer = GeneralizationAnalyzer(
        clone(network), (1, 2), noise_std=[25, 50], random_state=0
    )
    with pytest.warns(UserWarning, match="is very high") as records:
        analyzer.fit(BYTES)
    messages = [str(record.message) for record in records]
    assert any("noise_std=50 is very high" in message for message in messages)


def test_images_of_another_range_may_have_any_level():
    GaussianNoise(25, random_state=0).fit_transform(FLOATS)
    WienerDenoiser(noise_std=25).fit(FLOATS).transform(FLOATS)
    clone(network).set_params(train_noise_std=(0, 25), noise_std=25).fit(FLOATS)
