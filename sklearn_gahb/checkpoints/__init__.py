"""Network files: your own, the pretrained ones, and those that others published.

No code in a file is ever executed. The files of this package are safetensors with JSON
in the header. PyTorch's restricted unpickler reads the published files.
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
