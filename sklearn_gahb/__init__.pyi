# Written by `make stubs` from the docstrings.

from types import ModuleType

from . import checkpoints as checkpoints
from . import datasets as datasets
from . import denoisers as denoisers
from . import displays as displays
from . import evaluation as evaluation
from . import fields as fields
from . import generalization as generalization
from . import images as images
from . import jacobian as jacobian
from . import metrics as metrics
from . import networks as networks
from . import noise as noise
from . import samplers as samplers
from . import sampling as sampling
from . import training as training
from .denoisers import BandletDenoiser as BandletDenoiser
from .denoisers import BandletOracle as BandletOracle
from .denoisers import BM3DDenoiser as BM3DDenoiser
from .denoisers import DiskPosteriorDenoiser as DiskPosteriorDenoiser
from .denoisers import DNNDenoiser as DNNDenoiser
from .denoisers import EmpiricalDenoiser as EmpiricalDenoiser
from .denoisers import GaussianDenoiser as GaussianDenoiser
from .denoisers import LocalPosteriorDenoiser as LocalPosteriorDenoiser
from .denoisers import VarianceStabilizedDenoiser as VarianceStabilizedDenoiser
from .denoisers import WaveletThresholdDenoiser as WaveletThresholdDenoiser
from .denoisers import WienerDenoiser as WienerDenoiser
from .denoisers import as_denoiser as as_denoiser
from .evaluation import psnr_curve as psnr_curve
from .fields import FieldAutoencoder as FieldAutoencoder
from .generalization import GeneralizationAnalyzer as GeneralizationAnalyzer
from .jacobian import JacobianBasis as JacobianBasis
from .metrics import make_psnr_scorer as make_psnr_scorer
from .metrics import make_ssim_scorer as make_ssim_scorer
from .metrics import mse as mse
from .metrics import psnr as psnr
from .metrics import ssim as ssim
from .noise import GaussianNoise as GaussianNoise
from .noise import PoissonNoise as PoissonNoise
from .noise import estimate_noise_std as estimate_noise_std
from .noise import estimate_poisson_gaussian as estimate_poisson_gaussian

posteriors: ModuleType
transforms: ModuleType
units: ModuleType
__version__: str
