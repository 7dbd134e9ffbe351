"""Import deepinv, which some benchmarks compare with.

    python -m pip install --no-deps deepinv==0.5.0 torchvision==0.28.0 torchmetrics \
        lightning-utilities einops natsort h5py tqdm

With its dependencies, pip would replace torch.
"""

import torch


def import_deepinv():
    """Import deepinv, also where the compiled part of torchvision does not load."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor a, Tensor b, float c) -> Tensor")
    # Operators exist as long as their library.
    import_deepinv.library = library
    import deepinv

    return deepinv
