"""The restoration networks as plain ``nn.Module`` classes: no files, no devices, no downloads.

Both families enlarge feature maps with transposed convolutions only, and every kernel is a
multiple of its stride, so that each output pixel receives the same number of contributions
(Odena, Dumoulin and Olah 2016, "Deconvolution and Checkerboard Artifacts"). Both predict a
residual that is added in float32 to the input, in the upscalers to its bicubic enlargement: the
network need not learn the identity, and bfloat16 inside it does no harm.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:  # it imports from here
    from deconv_demo.networks.activation_ranges import ActivationRange


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with a ReLU between them, added to their input.

    No normalisation layer: batch statistics hurt restoration (Lim et al. 2017, EDSR).

    Args:
        channels: Channels of input and output.
        bias: Whether the convolutions carry a bias. Without any bias a ReLU network is
            homogeneous of degree one, which lets a denoiser generalise over noise levels
            (Mohan et al. 2020).

    Shape:
        - Input and output: ``(B, channels, H, W)``.
    """

    def __init__(self, channels: int, *, bias: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=bias)
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=bias)
        # A block that starts close to the identity lets a deep stack train without warm-up
        # tricks; 0.1 keeps enough gradient in conv1 for it to move from the first step.
        with torch.no_grad():
            self.conv2.weight.mul_(0.1)

    def forward(self, features: Tensor) -> Tensor:
        return features + self.conv2(F.relu(self.conv1(features)))


def _blocks(channels: int, count: int, *, bias: bool) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(channels, bias=bias) for _ in range(count)))


class Restorer(nn.Module):
    """What every network that repairs pictures says of itself.

    Attributes:
        noise_level_map, guided: What it is given beside a picture, see ``DeconvUNet``.
        size_multiple: Sides of a picture are padded to multiples of it.
        inplace: Whether its feature maps may be overwritten.
        ranges: Of a network that ``load_model`` returns, what ``read_ranges`` found.
    """

    noise_level_map: bool
    guided: bool
    size_multiple: int
    inplace: bool
    ranges: "dict[str, ActivationRange] | None"


class DeconvUNet(Restorer):
    """A U-Net that restores a picture at its own size.

    It has residual blocks at every level, strided 2 x 2 convolutions on the way down,
    ``ConvTranspose2d(2, 2)`` on the way up, and skip connections that are added: the design of
    DRUNet (Zhang et al. 2021), at a size two CPU cores can run.

    Args:
        widths: Channels of each level, from full resolution down.
        blocks: Residual blocks of each level; the last entry is the bottom, which is passed
            once, every other level is passed on the way down and on the way up.
        noise_level_map: Whether the condition is the standard deviation of the noise, which
            becomes a fourth input channel.
        guided: Whether the condition is a guide, a Wiener-deconvolved copy of the image, which
            becomes three more input channels.
        bias: Whether the layers carry a bias.

    Shape:
        - ``image``: ``(B, 3, H, W)``, float, RGB in ``[0, 1]``, any size from 1 x 1.
        - ``condition``: with ``noise_level_map``, sigma in ``[0, 1]``, ``(B,)``; with ``guided``,
          the guide image, ``(B, 3, H, W)``; otherwise None.
        - Output: ``(B, 3, H, W)``, float32, the same range but not clamped.

    Raises:
        ValueError: ``widths`` and ``blocks`` differ in length, ``noise_level_map`` and ``guided``
            are both set, or ``condition`` is missing where needed or passed where not.

    >>> network = DeconvUNet(widths=(8, 16), blocks=(1, 1))
    >>> network(torch.rand(1, 3, 5, 7)).shape
    torch.Size([1, 3, 5, 7])
    """

    # Set in copies for inference only, where no hook or gradient needs the overwritten values.
    inplace = False

    def __init__(
        self,
        *,
        widths: Sequence[int],
        blocks: Sequence[int],
        noise_level_map: bool = False,
        guided: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if len(widths) != len(blocks):
            raise ValueError(f"widths has {len(widths)} levels, blocks has {len(blocks)}")
        if noise_level_map and guided:
            raise ValueError("a network takes a noise level or a guide, not both")
        self.noise_level_map, self.guided = noise_level_map, guided
        self.size_multiple = 2 ** (len(widths) - 1)
        upper, bottom = list(zip(widths, blocks, strict=True))[:-1], (widths[-1], blocks[-1])

        self.head = nn.Conv2d(3 + noise_level_map + 3 * guided, widths[0], 3, padding=1, bias=bias)
        self.encoder = nn.ModuleList(_blocks(width, count, bias=bias) for width, count in upper)
        self.down = nn.ModuleList(
            nn.Conv2d(width, below, kernel_size=2, stride=2, bias=bias)
            for width, below in zip(widths[:-1], widths[1:], strict=True)
        )
        self.bottom = _blocks(bottom[0], bottom[1], bias=bias)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(below, width, kernel_size=2, stride=2, bias=bias)
            for width, below in zip(widths[:-1], widths[1:], strict=True)
        )
        self.decoder = nn.ModuleList(_blocks(width, count, bias=bias) for width, count in upper)
        self.tail = nn.Conv2d(widths[0], 3, kernel_size=3, padding=1, bias=bias)
        with torch.no_grad():
            self.tail.weight.mul_(0.01)  # start close to "change nothing"
            if self.tail.bias is not None:
                self.tail.bias.zero_()

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        if (condition is not None) != (self.noise_level_map or self.guided):
            needs = "sigma" if self.noise_level_map else "a guide" if self.guided else "nothing"
            raise ValueError(f"beside a picture this network needs {needs}, got {condition!r}")
        height, width = image.shape[-2:]
        features = image
        if condition is not None:
            condition = condition.to(image)
            if self.noise_level_map and condition.dim() == 1:  # one strength everywhere
                condition = condition.view(-1, 1, 1, 1).expand(-1, 1, height, width)
            features = torch.cat([image, condition], dim=1)  # (B, 4 or 6, H, W)
        features = pad_to_multiple(features, self.size_multiple)

        features = self.head(features)  # (B, widths[0], H', W')
        skips = []
        for blocks, down in zip(self.encoder, self.down, strict=True):
            features = blocks(features)  # (B, widths[i], H' / 2^i, W' / 2^i)
            skips.append(features)
            features = down(features)  # (B, widths[i + 1], H' / 2^(i + 1), …)
        features = self.bottom(features)  # (B, widths[-1], …) at the lowest resolution
        add = torch.Tensor.add_ if self.inplace else torch.add
        for blocks, up in zip(reversed(self.decoder), reversed(self.up), strict=True):
            features = add(up(features), skips.pop())  # (B, widths[i], H' / 2^i, W' / 2^i)
            features = blocks(features)
        # The padding is cropped off again: (B, 3, H, W).
        return image.float() + self.tail(features)[..., :height, :width].float()


class DeconvUpscaler(Restorer):
    """A network that enlarges a picture 2 or 4 times, with transposed convolutions at the end.

    All residual blocks work at low resolution, as in FSRCNN (Dong et al. 2016); the trunk is that
    of EDSR (Lim et al. 2017). The output is added to the bicubic enlargement.

    Args:
        channels: Channels of the trunk.
        blocks: Residual blocks of the trunk.
        scale: Output side / input side, 2 or 4: one ``ConvTranspose2d(4, 2, 1)`` for each
            doubling.

    Shape:
        - Input: ``(B, 3, H, W)``, float, RGB in ``[0, 1]``, any size from 1 x 1.
        - Output: ``(B, 3, scale * H, scale * W)``, float32, same range but not clamped.

    Raises:
        ValueError: ``scale`` is neither 2 nor 4.

    >>> DeconvUpscaler(channels=8, blocks=1, scale=4)(torch.rand(1, 3, 5, 7)).shape
    torch.Size([1, 3, 20, 28])
    """

    noise_level_map = guided = False
    size_multiple = 1
    inplace = False  # as in DeconvUNet

    def __init__(self, *, channels: int, blocks: int, scale: int) -> None:
        super().__init__()
        if scale not in (2, 4):
            raise ValueError(f"scale must be 2 or 4, got {scale}")
        self.scale = scale
        self.head = nn.Conv2d(3, channels, kernel_size=3, padding=1)
        self.trunk = _blocks(channels, blocks, bias=True)
        self.merge = nn.Conv2d(channels, channels, kernel_size=3, padding=1)
        doublings = scale.bit_length() - 1
        # Kernel 4, stride 2: each output pixel is written by exactly 2 x 2 input pixels.
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(channels, channels, kernel_size=4, stride=2, padding=1)
            for _ in range(doublings - 1)
        )
        self.tail = nn.ConvTranspose2d(channels, 3, kernel_size=4, stride=2, padding=1)
        with torch.no_grad():
            self.tail.weight.mul_(0.01)  # start close to bicubic
            self.tail.get_parameter("bias").zero_()

    def forward(self, image: Tensor) -> Tensor:
        features = self.head(image)  # (B, channels, H, W)
        into_trunk = features.clone() if self.inplace else features
        features = features + self.merge(self.trunk(into_trunk))  # (B, channels, H, W)
        for up in self.up:
            features = F.relu(up(features), inplace=self.inplace)  # each doubles H and W
        # The tail doubles once more: (B, 3, scale * H, scale * W).
        return bicubic_upscale(image.float(), self.scale) + self.tail(features).float()


def blank_inputs(model: nn.Module, height: int, width: int) -> list[Tensor]:
    """Return zeros as the arguments of a forward pass, for code that needs only their shapes.

    >>> blank_inputs(DeconvUNet(widths=(8,), blocks=(1,), noise_level_map=True), 5, 7)[1].shape
    torch.Size([1])
    """
    image = torch.zeros(1, 3, height, width)
    if model.noise_level_map:
        return [image, torch.zeros(1)]
    return [image, torch.zeros_like(image)] if model.guided else [image]


def crop_inputs(inputs: Sequence[Tensor], rows: slice, columns: slice) -> list[Tensor]:
    """Return the arguments of a forward pass for a crop: images are cropped, sigma stays."""
    return [
        value[..., rows, columns].contiguous(memory_format=torch.channels_last)
        if value.dim() == 4
        else value
        for value in inputs
    ]


def pad_to_multiple(image: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column until both sides are multiples of ``multiple``.

    Args:
        image: ``(B, C, H, W)``.
        multiple: At least 1.

    Returns:
        ``(B, C, H', W')``; the picture sits in the top left corner.
    """
    height, width = image.shape[-2:]
    below, right = -height % multiple, -width % multiple
    return F.pad(image, (0, right, 0, below), mode="replicate") if below or right else image


def bicubic_upscale(image: Tensor, scale: int) -> Tensor:
    """Enlarge ``(B, C, H, W)`` with the bicubic kernel of Keys 1981, a = -0.5.

    With ``antialias=True`` PyTorch uses a = -0.5, as Pillow and MATLAB do, and without it
    a = -0.75; when enlarging, nothing else differs.
    """
    return F.interpolate(image, scale_factor=scale, mode="bicubic", antialias=True)
