"""Classical and deep denoisers, and the bases in which they shrink images.

The denoisers are scikit-learn estimators. The package also shows whether a denoiser
memorized its training images or learned the probability density of the images.
"""

import importlib
import pkgutil

__version__ = "0.1.0.dev0"

# Names are imported on first use. This keeps `import sklearn_gahb` fast, because only
# some modules need torch.
_MODULES = {
    "BandletDenoiser": "denoisers",
    "BandletOracle": "denoisers",
    "BM3DDenoiser": "denoisers",
    "DiskPosteriorDenoiser": "denoisers",
    "DNNDenoiser": "denoisers",
    "EmpiricalDenoiser": "denoisers",
    "GaussianDenoiser": "denoisers",
    "LocalPosteriorDenoiser": "denoisers",
    "VarianceStabilizedDenoiser": "denoisers",
    "WaveletThresholdDenoiser": "denoisers",
    "WienerDenoiser": "denoisers",
    "as_denoiser": "denoisers",
    "FieldAutoencoder": "fields",
    "JacobianBasis": "jacobian",
    "GeneralizationAnalyzer": "generalization",
    "GaussianNoise": "noise",
    "PoissonNoise": "noise",
    "estimate_noise_std": "noise",
    "estimate_poisson_gaussian": "noise",
    "make_psnr_scorer": "metrics",
    "make_ssim_scorer": "metrics",
    "mse": "metrics",
    "psnr": "metrics",
    "ssim": "metrics",
    "psnr_curve": "evaluation",
}
_SUBMODULES = [
    one.name for one in pkgutil.iter_modules(__path__) if not one.name.startswith("_")
]

__all__ = [*_MODULES, *_SUBMODULES]


def __getattr__(name):
    if name in _MODULES:
        module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
        return getattr(module, name)
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
