"""Networks in files: our own, and those that the authors of the field published.

Nothing in a file is ever executed: ours are safetensors with JSON in the header, and
the published ones are read by the restricted unpickler of torch.
"""

from ._own import load, save
from ._published import fetch_pretrained, load_published

__all__ = ["fetch_pretrained", "load", "load_published", "save"]
