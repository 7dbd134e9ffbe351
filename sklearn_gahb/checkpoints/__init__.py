"""Networks in files: your own, those of the package, those that others published.

Nothing in a file is ever executed: ours are safetensors with JSON in the header, and
the published ones are read by the restricted unpickler of torch.
"""

from ._own import load, save
from ._pretrained import load_pretrained, pretrained_card
from ._published import fetch_published, load_published

__all__ = [
    "fetch_published",
    "load",
    "load_pretrained",
    "load_published",
    "pretrained_card",
    "save",
]
