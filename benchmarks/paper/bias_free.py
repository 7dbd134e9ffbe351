"""Networks with and without additive constants, above the training noise levels.

    python benchmarks/paper/bias_free.py [--preset laptop|gpu|paper] [--images FOLDER]

Both networks are trained at noise up to 0.2 (arXiv 1906.05478: up to 55/255).
"""

from pathlib import Path

import numpy as np
from _common import load_photos, make_parser, preset_of, trained, verdict

from sklearn_gahb import psnr_curve

LEVELS = [0.05, 0.1, 0.2, 0.3, 0.4, 0.6]
TRAINED = 0.2

parser = make_parser(__doc__)
parser.add_argument("--images", type=Path)
options = parser.parse_args()
preset = preset_of(options)
X, _, X_test = load_photos(preset.image_size, preset.n_train, 200, options.images)
curves = {}
print("noise_std  ", *(f"{level:6.2f}" for level in LEVELS))
for name, bias in [("bias-free", False), ("with bias", True)]:
    denoiser = preset.network().set_params(bias=bias, train_noise_std=(0.0, TRAINED))
    denoiser = trained(denoiser, X, name, options)
    curves[name] = psnr_curve(denoiser, X_test, LEVELS, random_state=0).output_psnr
    print(f"{name:11}", *(f"{value:6.2f}" for value in curves[name]), flush=True)
advantage = curves["bias-free"] - curves["with bias"]
within = np.array(LEVELS) <= TRAINED
verdict(
    "networks without constants generalize across noise levels; networks with "
    "constants break down beyond the training range (23.57 and 15.43 dB at noise "
    "100/255)",
    "bias-free ahead by " + " ".join(f"{value:.1f}" for value in advantage) + " dB",
    np.abs(advantage[within]).max() < 0.5 and advantage[-1] > 2,
)
