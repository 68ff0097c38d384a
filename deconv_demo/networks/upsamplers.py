"""Six small networks that double a picture and differ only in their upsampling layer.

They are there to be compared: trained on the same batches for the same number of steps, they
show the effect of the upsampling layer alone.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SCALE = 2

# Channels of the trunk, chosen so that all six have about 6,000 parameters: a layer that
# costs more (pixel shuffle makes four times the channels) leaves less for the trunk.
WIDTHS = {
    "transposed_3": 17,
    "transposed_4": 16,
    "nearest": 17,
    "bilinear": 17,
    "shuffle": 15,
    "shuffle_icnr": 15,
}


class SmallUpsampler(nn.Module):
    """A network of three convolutions at low resolution and one layer that doubles the picture.

    The layer writes red, green and blue directly, with no enlarged input added to them, so that
    its artifacts are not hidden.

    Args:
        kind: Upsampling layer:

            - ``transposed_3``: ``ConvTranspose2d`` of kernel 3, stride 2, padding 1 and output
              padding 1, whose overlap is uneven (Odena, Dumoulin and Olah 2016);
            - ``transposed_4``: the same of kernel 4 and padding 1, whose overlap is even;
            - ``nearest``, ``bilinear``: resize, then a 3 x 3 convolution at the large size;
            - ``shuffle``: convolution to 12 channels and pixel shuffle (Shi et al. 2016);
            - ``shuffle_icnr``: the same, its four sub-kernels equal at the start (Aitken et al.
              2017, "Checkerboard artifact free sub-pixel convolution").

    Shape:
        - Input: ``(B, 3, H, W)``, float, RGB in ``[0, 1]``.
        - Output: ``(B, 3, 2 H, 2 W)``, same range but not clamped.

    Raises:
        ValueError: ``kind`` is not a key of ``WIDTHS``.

    >>> SmallUpsampler("nearest")(torch.rand(1, 3, 5, 7)).shape
    torch.Size([1, 3, 10, 14])
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        if kind not in WIDTHS:
            raise ValueError(f"kind must be one of {', '.join(WIDTHS)}, got {kind!r}")
        self.kind, width = kind, WIDTHS[kind]
        self.trunk = nn.ModuleList(
            nn.Conv2d(channels, width, kernel_size=3, padding=1) for channels in (3, width, width)
        )
        self.tail: nn.Conv2d | nn.ConvTranspose2d
        if kind == "transposed_3":
            self.tail = nn.ConvTranspose2d(width, 3, 3, stride=2, padding=1, output_padding=1)
        elif kind == "transposed_4":
            self.tail = nn.ConvTranspose2d(width, 3, 4, stride=2, padding=1)
        elif kind in ("nearest", "bilinear"):
            self.tail = nn.Conv2d(width, 3, kernel_size=3, padding=1)
        else:
            self.tail = nn.Conv2d(width, 3 * SCALE**2, kernel_size=3, padding=1)
            if kind == "shuffle_icnr":
                icnr_init_(self.tail, SCALE)

    def forward(self, image: Tensor) -> Tensor:
        features = image  # (B, 3, H, W)
        for layer in self.trunk:
            features = F.relu(layer(features))  # (B, width, H, W)
        if self.kind == "nearest":
            return self.tail(F.interpolate(features, scale_factor=SCALE, mode="nearest"))
        if self.kind == "bilinear":
            return self.tail(F.interpolate(features, scale_factor=SCALE, mode="bilinear"))
        enlarged = self.tail(features)  # (B, 3, 2 H, 2 W), or (B, 12, H, W) before the shuffle
        return enlarged if "transposed" in self.kind else F.pixel_shuffle(enlarged, SCALE)


@torch.no_grad()
def icnr_init_(layer: nn.Conv2d, scale: int) -> None:
    """Initialize a convolution so that the pixel shuffle after it repeats pixels (ICNR).

    Args:
        layer: Convolution whose output channels are a multiple of ``scale ** 2``.
        scale: Factor of the pixel shuffle.
    """
    for parameter in layer.parameters():
        parameter.copy_(parameter[:: scale**2].repeat_interleave(scale**2, dim=0))


def build_upsamplers(seed: int) -> nn.ModuleDict:
    """Build all six networks, untrained, each from ``seed``; the global random state is kept.

    >>> sorted(build_upsamplers(0)) == sorted(WIDTHS)
    True
    """
    networks = {}
    with torch.random.fork_rng(devices=[]):
        for kind in WIDTHS:
            torch.manual_seed(seed)
            networks[kind] = SmallUpsampler(kind)
    return nn.ModuleDict(networks)
