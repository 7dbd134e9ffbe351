"""Transition from memorizing to generalizing (figures 1 and 2).

    python benchmarks/paper/transition.py [--preset laptop|gpu|paper] [--images FOLDER]

For each training size, the script trains two networks on patches of different
photographs. It prints their PSNR, the agreement of the networks, and similarities of
their samples. The paper trains on faces of 80x80 pixels; pass a folder of such images
to --images. With --figures, the figures are saved in that folder.
"""

from pathlib import Path

import numpy as np
from _common import load_photos, make_parser, preset_of, verdict

from sklearn_gahb import GeneralizationAnalyzer
from sklearn_gahb.displays import GeneralizationDisplay

parser = make_parser(__doc__)
parser.add_argument("--images", type=Path)
parser.add_argument("--figures", type=Path)
parser.add_argument("--n-jobs", type=int, default=2)
parser.add_argument("--n-generated", type=int, default=100)
options = parser.parse_args()
preset = preset_of(options)
X, groups, X_test = load_photos(
    preset.image_size, int(2.1 * max(preset.train_sizes)), 500, options.images
)
analyzer = GeneralizationAnalyzer(
    preset.network(),
    preset.train_sizes,
    noise_std=[0.02, 0.05, 0.1, 0.2, 0.5],
    n_generated=options.n_generated,
    duplicates="remove",
    n_jobs=options.n_jobs,
    checkpoint_dir=options.checkpoint_dir,
    random_state=preset.random_state,
).fit(X, groups=groups, X_test=X_test)

at = analyzer.noise_std_.tolist().index(0.1)
columns = {
    "train": analyzer.train_psnr_.mean(axis=1)[:, at],
    "test": analyzer.test_psnr_.mean(axis=1)[:, at],
    "agreement": analyzer.agreement_[:, at],
    "S1-S2": analyzer.generated_similarity_.mean(axis=1),
    "to train": analyzer.train_similarity_.mean(axis=(1, 2)),
}
print("at noise_std 0.1" + "".join(f"{name:>11}" for name in columns) + "  regime")
for i, size in enumerate(analyzer.train_sizes_):
    values = "".join(f"{column[i]:11.2f}" for column in columns.values())
    print(f"N = {size:<12}{values}  {analyzer.regime_[i, at]}")
if options.figures is not None:
    options.figures.mkdir(parents=True, exist_ok=True)
    for kind in ("psnr", "similarity", "samples"):
        display = GeneralizationDisplay.from_estimator(analyzer, kind=kind)
        display.figure_.savefig(options.figures / f"transition_{kind}.png", dpi=120)

gaps = (analyzer.train_psnr_ - analyzer.test_psnr_).mean(axis=1)
largest = np.abs(gaps[-1]).max()
verdict(
    "at the largest N, training and test PSNR coincide at all noise levels",
    f"the gap at noise 0.1 is {gaps[0, at]:.1f} dB at N = 1 and {gaps[-1, at]:.1f} dB "
    f"at the largest N, where it is at most {largest:.2f} dB at any level",
    gaps[0, at] > 10 and largest < 1,
)
input_psnr = -20 * np.log10(analyzer.noise_std_)
train_slopes, test_slopes = (
    np.polyfit(input_psnr, values.mean(axis=1)[:2].T, 1)[0]
    for values in (analyzer.train_psnr_, analyzer.test_psnr_)
)
of_two = " and ".join(str(size) for size in analyzer.train_sizes_[:2])
verdict(
    "at N = 1 and 10, the test PSNR does not depend on the noise",
    f"slopes {test_slopes[0]:.2f} and {test_slopes[1]:.2f} for N = {of_two}, in dB of "
    "test PSNR per dB of input PSNR",
    np.abs(test_slopes).max() < 0.2,
)
verdict(
    "at N = 1 and 10, the training PSNR grows with slope 1",
    f"slopes {train_slopes[0]:.2f} and {train_slopes[1]:.2f} for N = {of_two}",
    np.abs(train_slopes - 1).max() < 0.2,
)
between, to_train = columns["S1-S2"], columns["to train"]
verdict(
    "samples are copies of training images at small N and nearly the same for both "
    "networks at large N",
    f"similarity to training images {to_train[0]:.2f} at N = 1 and {to_train[-1]:.2f} "
    f"at the largest N; between networks {between[0]:.2f} and {between[-1]:.2f}; the "
    f"curves cross at N = {analyzer.generated_transition_size_}",
    to_train[0] > 0.9 and between[-1] > max(0.9, to_train[-1]),
)
