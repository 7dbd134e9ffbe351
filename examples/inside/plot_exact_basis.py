"""
============================
A basis that is the denoiser
============================

In theory, the optimal denoiser shrinks coefficients in an orthonormal basis, because
its Jacobian is symmetric. The Jacobian of a usual network is not symmetric, so no such
basis describes it exactly. This example shows a network for which the basis is exact:
the predicted noise is the gradient of an energy, so the Jacobian is a Hessian.
"""

# %%
# A conservative network
# ----------------------
#
# ``DNNDenoiser(conservative=True)`` trains such a network. Two networks of the same
# width ship with the package. One is conservative, and the other one is not.

import matplotlib.pyplot as plt
import numpy as np

from sklearn_gahb import GaussianNoise, JacobianBasis, psnr
from sklearn_gahb.checkpoints import load_pretrained
from sklearn_gahb.datasets import load_photo_patches
from sklearn_gahb.displays import JacobianBasisDisplay

noise_std = 0.1
photo = load_photo_patches(40, 1, subset="test", random_state=0).photos["camera"]
clean = photo[None, 60:140:2, 180:260:2] / np.float32(255)
noisy = GaussianNoise(noise_std, random_state=0).fit_transform(clean)

denoisers = {
    "direct": load_pretrained("photos-grey-small"),
    "conservative": load_pretrained("photos-grey-conservative"),
}
bases = {name: JacobianBasis(one).fit(noisy) for name, one in denoisers.items()}
for name, basis in bases.items():
    print(f"{name}: |J - J^T| / |J| = {basis.asymmetry_:.1e}")

# %%
# The sum over the basis
# ----------------------
#
# Both networks satisfy f(y) = J y. If J is symmetric, then f(y) is the sum of the terms
# :math:`\lambda_k \langle y, e_k \rangle e_k` over the eigenvectors of J. The figure
# adds the terms one by one, starting with those of the largest coefficients. For the
# conservative network, the sum arrives at the output of the network (dotted line). For
# the direct network, the eigenvectors are those of the symmetric part of J, and the sum
# misses the output by several decibels.

fig, ax = plt.subplots(figsize=(5.5, 4), layout="constrained")
y, final = noisy.ravel(), {}
styles = {"direct": ("C1", "s"), "conservative": ("C0", "o")}
for name, basis in bases.items():
    color, marker = styles[name]
    coefficients = basis.eigenvalues_ * (basis.components_ @ y)
    order = np.argsort(-np.abs(coefficients))
    sums = (coefficients[order, None] * basis.components_[order]).cumsum(axis=0)
    quality = -10 * np.log10(((sums - clean.ravel()) ** 2).mean(axis=1))
    ax.semilogx(
        np.arange(1, len(sums) + 1),
        quality,
        color=color,
        marker=marker,
        markevery=(0, 0.1),
        label=f"{name}: sum",
    )
    denoised = psnr(clean, basis.denoised_[None])
    ax.axhline(denoised, color=color, linestyle=":", label=f"{name}: network")
    final[name] = quality[-1], denoised
ax.set(xlabel="number of terms", ylabel="PSNR (dB)")
ax.legend()
for name, (of_sum, of_network) in final.items():
    print(f"{name}: network {of_network:.2f} dB, sum of all terms {of_sum:.2f} dB")

# %%
# The basis itself
# ----------------
#
# The eigenvectors of the conservative network follow the image, like those of other
# networks: they lie on contours and oscillate along them. The first one is constant,
# with a factor of 1, because the network keeps the mean gray level as it is.

display = JacobianBasisDisplay.from_estimator(bases["conservative"], clean)

# %%
# Probabilities
# -------------
#
# If the network is optimal at noise level :math:`\sigma`, the log density of a noisy
# image y is :math:`-E(y) / \sigma^2` up to a constant. The constant is unknown, but it
# cancels when two images are compared. Here, the second image has the same power
# spectrum as the photograph, but random phases. We compare them with the same noise.

rng = np.random.default_rng(0)
phases = np.angle(np.fft.fft2(rng.standard_normal(clean.shape)))
spectrum = np.abs(np.fft.fft2(clean))
phases[0, 0, 0] = 0  # Keep the mean gray level.
scrambled = np.fft.ifft2(spectrum * np.exp(1j * phases)).real.astype(np.float32)
pair = np.concatenate([noisy, scrambled + (noisy - clean)])
energies = denoisers["conservative"].energy(pair)
nats = (energies[1] - energies[0]) / noise_std**2

fig, axes = plt.subplots(1, 2, figsize=(6, 3.3), layout="constrained")
for ax, image, energy in zip(axes, pair, energies, strict=True):
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[], title=f"energy {energy:.2f}")
plt.show()
print(f"The photograph is more probable by {nats:.0f} nats.")
# sphinx_gallery_start_ignore
assert bases["conservative"].asymmetry_ < 1e-4
assert abs(final["conservative"][0] - final["conservative"][1]) < 1e-2
assert final["direct"][0] < final["direct"][1] - 1
assert nats > 0
# sphinx_gallery_end_ignore
