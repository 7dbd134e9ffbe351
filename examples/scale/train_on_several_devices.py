"""
==============================================
Train one network on several GPUs or processes
==============================================

When torchrun starts this script, `fit` splits each batch among the processes. All
processes end with the same denoiser. On a machine with four GPUs, run:

.. code-block:: console

   $ torchrun --nproc_per_node=4 train_on_several_devices.py unet.safetensors

The result equals the result of a single process up to rounding, because the noise, the
crops and the initial weights are drawn as in a single process.
"""

# sphinx_gallery_thumbnail_path = '_static/several_devices.png'
import os
import sys

import torch
from sklearn.callback import ProgressBar
from torch import distributed

from sklearn_gahb import DNNDenoiser
from sklearn_gahb.checkpoints import save
from sklearn_gahb.datasets import make_disk_images

if torch.cuda.is_available():
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl")
else:
    distributed.init_process_group("gloo")
is_first = distributed.get_rank() == 0

X = make_disk_images(1000, 16, random_state=0)
denoiser = DNNDenoiser(
    width=8, depth=2, batch_size=32, max_steps=100, learning_rate=5e-3, random_state=0
)
if is_first:
    denoiser.set_callbacks(ProgressBar())
denoiser.fit(X)
print(f"process {distributed.get_rank()}: {denoiser.score(X[:100]):.5f} dB")
if is_first:
    save(denoiser, sys.argv[1])
# No process may leave before the others have finished their work.
distributed.barrier()
distributed.destroy_process_group()
