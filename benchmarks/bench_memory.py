"""Peak memory of the paper's UNet when denoising one image of 4096x4096 pixels.

python benchmarks/bench_memory.py
"""

import resource
from time import perf_counter

import numpy as np

from sklearn_gahb import DNNDenoiser

denoiser = DNNDenoiser(max_steps=1, batch_size=1, random_state=0)
denoiser.fit(np.zeros((1, 32, 32), dtype=np.float32))
y = np.random.default_rng(0).standard_normal((1, 4096, 4096), dtype=np.float32)
start = perf_counter()
denoiser.transform(y)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(
    f"{denoiser.n_parameters_:,} parameters, 4096x4096 pixels: peak of the process "
    f"{peak:.2f} GiB, {perf_counter() - start:.0f} s"
)
