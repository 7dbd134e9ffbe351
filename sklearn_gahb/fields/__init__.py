"""Images as fields: functions of position that are rendered at any resolution."""

from ._autoencoder import FieldAutoencoder
from ._cells import average_cells, nearest_features
from ._networks import Decoder, Encoder, Renderer, make_networks, render

__all__ = [
    "Decoder",
    "Encoder",
    "FieldAutoencoder",
    "Renderer",
    "average_cells",
    "make_networks",
    "nearest_features",
    "render",
]
