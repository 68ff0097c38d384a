"""Copies of a network for inference only: same weights and results, fewer passes over memory.

At full resolution about half of the cost of a small network is memory traffic: feature maps are
written to be read once. Residual blocks that work in place avoid it.
"""

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deconv_demo.convolution import phase_kernels
from deconv_demo.networks.module_copy import AnyModule, weight_sharing_copy
from deconv_demo.networks.restorers import ResidualBlock, Restorer

AnyRestorer = TypeVar("AnyRestorer", bound=Restorer)


class InplaceResidualBlock(nn.Module):
    """A ``ResidualBlock`` that works in place.

    Its results are bit-identical. It is for inference only: forward hooks and autograd would see
    overwritten values, as the ReLU overwrites the output of ``conv1``.

    Args:
        block: Block whose convolutions are used, not copied.
        keeps_input: If False, the block also overwrites its input and returns it, so that a stack
            of blocks needs one feature map less.
    """

    def __init__(self, block: ResidualBlock, *, keeps_input: bool = False) -> None:
        super().__init__()
        self.conv1, self.conv2, self.keeps_input = block.conv1, block.conv2, keeps_input

    def forward(self, features: Tensor) -> Tensor:
        change = self.conv2(F.relu_(self.conv1(features)))  # (B, C, H, W)
        return change.add_(features) if self.keeps_input else features.add_(change)


class SubpixelUpsampling(nn.Module):
    """A transposed convolution rewritten as a convolution at low resolution and a pixel shuffle.

    It does the same multiplications in another order (Shi et al. 2016, "Is the deconvolution layer
    the same as a convolutional layer?"). Which of the two is faster depends on the library
    underneath; ``python -m deconv_demo.training benchmark`` compares them.

    Args:
        layer: Transposed convolution with a square kernel that is a multiple of the stride, and
            ``padding = (kernel - stride) / 2``, so that it enlarges exactly ``stride`` times.

    Raises:
        ValueError: ``layer`` is not of that kind.

    >>> layer, features = nn.ConvTranspose2d(3, 2, 4, stride=2, padding=1), torch.rand(1, 3, 5, 7)
    >>> torch.allclose(SubpixelUpsampling(layer)(features), layer(features), atol=1e-6)
    True
    """

    def __init__(self, layer: nn.ConvTranspose2d) -> None:
        super().__init__()
        (kernel, _), (stride, _) = layer.kernel_size, layer.stride
        padding = int(layer.padding[0])  # in words ("same") only a plain convolution has it
        plain = layer.groups == 1 and layer.dilation == (1, 1) and layer.output_padding == (0, 0)
        if not plain or kernel % stride or 2 * padding != kernel - stride:
            raise ValueError(f"{layer} does not enlarge exactly {stride} times; keep it as it is")
        self.stride, self.padding = stride, padding
        weight = phase_kernels(layer.weight.detach(), stride=stride)
        self.conv = nn.Conv2d(
            layer.in_channels,
            len(weight),
            weight.shape[-1],
            padding=weight.shape[-1] - 1,
            bias=layer.bias is not None,
        )
        self.conv.weight = nn.Parameter(weight, requires_grad=False)
        if layer.bias is not None:
            repeated = layer.bias.detach().repeat_interleave(stride**2)
            self.conv.bias = nn.Parameter(repeated, requires_grad=False)

    def forward(self, features: Tensor) -> Tensor:
        height, width = (self.stride * side for side in features.shape[-2:])
        enlarged = F.pixel_shuffle(self.conv(features), self.stride)
        border = self.padding
        return enlarged[..., border : border + height, border : border + width]


def subpixel_copy(model: nn.Module) -> nn.Module:
    """Return a copy of ``model`` with pixel shuffle in place of every transposed convolution."""
    copied = copy.deepcopy(model)
    replace_modules(copied, nn.ConvTranspose2d, lambda _, layer: SubpixelUpsampling(layer))
    return copied.to(memory_format=torch.channels_last)


def inplace_copy(model: AnyRestorer) -> AnyRestorer:
    """Return a network that shares the tensors of ``model``, with residual blocks in place.

    Args:
        model: Any network; one without a ``ResidualBlock`` is returned unchanged.

    >>> from deconv_demo.networks import DeconvUNet
    >>> network, image = DeconvUNet(widths=(8, 16), blocks=(1, 1)), torch.rand(1, 3, 6, 9)
    >>> with torch.inference_mode():
    ...     torch.equal(inplace_copy(network)(image), network(image))
    True
    """
    if not any(isinstance(module, ResidualBlock) for module in model.modules()):
        return model
    copied = overwriting_copy(model)
    replace_modules(copied, ResidualBlock, lambda _, block: InplaceResidualBlock(block))
    return copied


def overwriting_copy(model: AnyRestorer) -> AnyRestorer:
    """Return a ``weight_sharing_copy`` that may overwrite feature maps, for inference only."""
    copied = weight_sharing_copy(model)
    copied.inplace = True
    return copied


def replace_modules(
    model: nn.Module, kind: type[AnyModule], by: Callable[[str, AnyModule], nn.Module]
) -> None:
    """Replace every module of a kind by ``by(name, module)``."""
    for name, module in list(model.named_modules()):
        if isinstance(module, kind):
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, by(name, module))
