r"""PSNR slopes on C^alpha images: network, bandlets and theory (figure 5).

    python benchmarks/paper/c_alpha_slopes.py [--preset laptop|gpu|paper]

This script measures the slope of the output PSNR against the input PSNR from 10 to
30 dB. Images have 80x80 pixels as in the paper, because little is left of smaller
images at 10 dB. Smaller presets train on crops of these images.

Networks are trained at noise up to 0.4, so all test levels are in the training range.
--highest-noise changes this limit. Like the other scripts in this folder, the script
trains with Adam, the squared error and batch statistics. --training package trains with
the defaults of the package and learning rate 1e-2.

The paper's figures use the paper's own convention, `released`. The theoretical slope
alpha / (alpha + 1) belongs to the convention `hoelder`.

Bandlets are chosen from the clean image. Their coefficients are either thresholded or
multiplied by the ideal attenuation, which also knows the clean coefficients.

With --steps-per-level, copies of the network are trained further, each at one level.
The gain of the copies shows what a single network for all levels loses.
"""

import copy

import numpy as np
from _common import make_parser, preset_of, trained, verdict
from sklearn.base import clone

from sklearn_gahb import BandletOracle, DNNDenoiser, make_psnr_scorer, psnr_curve
from sklearn_gahb.datasets import make_c_alpha_images

PAPER = {1: 0.46, 2: 0.61, 3: 0.75, 5: 0.83}
LEVELS = 10 ** (-np.arange(10, 31, 5) / 20)

parser = make_parser(__doc__)
parser.add_argument("--alphas", type=int, nargs="+", default=list(PAPER))
parser.add_argument("--image-size", type=int, default=80)
parser.add_argument("--conventions", nargs="+", default=["released", "hoelder"])
parser.add_argument("--steps-per-level", type=int, default=0)
parser.add_argument("--highest-noise", type=float, default=0.4)
parser.add_argument("--training", choices=["paper", "package"], default="paper")
options = parser.parse_args()
preset = preset_of(options)
network = preset.network().set_params(
    depth=3, train_noise_std=(0.0, options.highest_noise), augment=True
)
if options.training == "package":
    choices = ("batch_statistics", "loss", "optimizer")
    defaults = DNNDenoiser().get_params()
    network.set_params(learning_rate=1e-2, **{name: defaults[name] for name in choices})
if preset.image_size < options.image_size:
    network.set_params(patch_size=preset.image_size)


def psnr_of_specialists(network, X, X_test, n_steps):
    """Train a copy of the network further at each level; return its PSNR there."""
    found = []
    for level in LEVELS:
        specialist = copy.copy(network).set_params(
            warm_start=True,
            train_noise_std=float(level),
            max_steps=n_steps,
            learning_rate=0.4 * network.learning_rate,
        )
        score = make_psnr_scorer(noise_std=level, random_state=0)
        found.append(score(specialist.fit(X), X_test))
    return np.array(found)


for convention in options.conventions:
    differences, behind = [], []
    print(f"\n{convention:9} alpha   network   bandlets   hard   theory   paper")
    for alpha in options.alphas:
        X = make_c_alpha_images(
            preset.n_train + 200,
            options.image_size,
            alpha=alpha,
            convention=convention,
            random_state=0,
        )
        X, X_test = X[:-200], X[-200:]
        denoisers = {
            "network": trained(
                clone(network), X, f"c_alpha_{convention}_{alpha}", options
            ),
            "bandlets": BandletOracle(shrinkage="attenuation").fit(X_test),
            "hard": BandletOracle(shrinkage="hard").fit(X_test),
        }
        curves = {
            name: psnr_curve(denoiser, X_test, LEVELS, random_state=0)
            for name, denoiser in denoisers.items()
        }
        slopes = {name: curve.slope for name, curve in curves.items()}
        differences.append(slopes["network"] - slopes["bandlets"])
        theory = alpha / (alpha + 1) if convention == "hoelder" else np.nan
        paper = PAPER.get(alpha, np.nan) if convention == "released" else np.nan
        print(
            f"{alpha:15d} {slopes['network']:9.2f} {slopes['bandlets']:10.2f} "
            f"{slopes['hard']:6.2f} {theory:8.2f} {paper:7.2f}   standard errors "
            + " ".join(f"{curve.slope_std_err:.3f}" for curve in curves.values())
        )
        ahead = curves["network"].output_psnr - curves["bandlets"].output_psnr
        behind.append(-ahead.min())
        print(
            "                network ahead of bandlets, from 10 to 30 dB:",
            *(f"{dB:.1f}" for dB in ahead),
            flush=True,
        )
        if options.steps_per_level:
            by_level = psnr_of_specialists(
                denoisers["network"], X, X_test, options.steps_per_level
            )
            slope = np.polyfit(curves["network"].input_psnr, by_level, 1)[0]
            print(
                f"                trained further by level: slope {slope:.2f}, ahead",
                *(f"{dB:.1f}" for dB in by_level - curves["bandlets"].output_psnr),
                flush=True,
            )
    verdict(
        "networks have the slope of the best bandlet basis and are no worse",
        "network minus bandlets " + " ".join(f"{d:+.2f}" for d in differences),
        max(map(abs, differences)) <= 0.05 and max(behind) < 1,
    )
