r"""
=========================================
Samples that obey a differential equation
=========================================

The images of this example have two channels: the permeability K of a porous medium, and
the pressure p of a fluid that flows through it. The two satisfy Darcy's equation,
:math:`-\nabla \cdot (K \nabla p) = f`. A network that is trained to denoise such images
knows the equation only roughly. With the parameter `residual`, training makes the
residual of the equation small, too.
"""

# %%
# Two networks
# ------------
#
# Both networks are trained on the same images, for the same number of steps. Only the
# second one is trained with the residual. The weight of the residual does not depend on
# its units, because training divides the residual by its steepness.

# sphinx_gallery_thumbnail_number = 1
import matplotlib.pyplot as plt
import torch
from sklearn.base import clone

from sklearn_gahb import DNNDenoiser, psnr_curve
from sklearn_gahb.datasets import darcy_residual, make_darcy_flow
from sklearn_gahb.displays import PSNRCurveDisplay
from sklearn_gahb.metrics import mean_absolute_residual
from sklearn_gahb.samplers import DDIM

X = make_darcy_flow(2000, 16, random_state=0)
plain = DNNDenoiser(
    width=16,
    bias=True,
    max_steps=500,
    batch_size=32,
    learning_rate=1e-2,
    random_state=0,
)
constrained = clone(plain).set_params(residual=darcy_residual, residual_weight=100)
plain.fit(X)
constrained.fit(X)

# %%
# Samples
# -------
#
# The source f is 10 in one corner and -10 in the opposite corner. The residual of an
# image of the data set is 0. The samples of the first network violate the equation
# nearly everywhere. Those of the second network violate it less.

sampler = DDIM(n_steps=50, sigma_min=2e-3)
images = {
    "data": X[:3],
    "without residual": plain.sample(3, sampler=sampler, random_state=1),
    "with residual": constrained.sample(3, sampler=sampler, random_state=1),
}
# Remove the noise that remains in samples.
images["without residual"] = plain.transform(images["without residual"])
images["with residual"] = constrained.transform(images["with residual"])
found = {
    name: mean_absolute_residual(some, darcy_residual) for name, some in images.items()
}
figure, axes = plt.subplots(3, 9, figsize=(11, 4.2), layout="constrained")
for row, (name, some) in zip(axes, images.items(), strict=True):
    row[0].set_ylabel(f"{name}\n{found[name]:.2f}", fontsize="small")
    residuals = darcy_residual(torch.from_numpy(some).permute(0, 3, 1, 2)).numpy()
    for k in range(3):
        panels = some[k, ..., 0], some[k, ..., 1], residuals[k]
        for ax, panel, title in zip(
            row[3 * k : 3 * k + 3], panels, ("log K", "p", "residual"), strict=True
        ):
            if title == "residual":
                ax.imshow(panel, cmap="RdBu_r", vmin=-5, vmax=5)
            else:
                ax.imshow(panel, cmap="viridis", vmin=0.2, vmax=0.8)
            ax.set(xticks=[], yticks=[])
            ax.set_title(title, fontsize="small")
figure.suptitle("left: mean absolute residual; colors of the residual: from -5 to 5")

# %%
# What the constraint costs
# -------------------------
#
# After so few steps, the constraint costs about 1 dB at the lowest noise level, and
# less elsewhere. Longer training reduces this cost. It does not vanish at high noise:
# the equation is not linear, so the posterior mean does not satisfy it exactly.

X_test = make_darcy_flow(50, 16, random_state=1)
levels = [0.02, 0.05, 0.1, 0.2, 0.4]
curves = {
    "without residual": psnr_curve(plain, X_test, levels, random_state=0),
    "with residual": psnr_curve(constrained, X_test, levels, random_state=0),
}
PSNRCurveDisplay.from_curves(curves)
plt.show()

# sphinx_gallery_start_ignore
assert found["with residual"] < found["without residual"] / 2
# sphinx_gallery_end_ignore
