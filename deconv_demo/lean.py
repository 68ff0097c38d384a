"""A network for inference alone: the same weights and results, in fewer passes over memory.

At full resolution half of what a small network moves is not arithmetic but feature maps that
are written only to be read once more. A residual block can let go of them at once.
"""

import copy

import torch.nn.functional as F
from torch import Tensor, nn

from deconv_demo.networks import ResidualBlock


class LeanResidualBlock(nn.Module):
    """A ``ResidualBlock`` that overwrites its own feature maps.

    Equal to the bit, but of no use under a hook or a gradient: what a hook has recorded of
    ``conv1`` is overwritten by the ReLU.

    Args:
        block: Whose convolutions are used, not copied.
    """

    def __init__(self, block: ResidualBlock) -> None:
        super().__init__()
        self.conv1, self.conv2 = block.conv1, block.conv2

    def forward(self, features: Tensor) -> Tensor:
        return self.conv2(F.relu_(self.conv1(features))).add_(features)


def lean_twin(model: nn.Module) -> nn.Module:
    """Return a network that shares the tensors of ``model`` and computes the same, leaner.

    Args:
        model: Any network; one without a ``ResidualBlock`` is returned as it is.

    >>> import torch
    >>> from deconv_demo.networks import DeconvUNet
    >>> network, image = DeconvUNet(widths=(8, 16), blocks=(1, 1)), torch.rand(1, 3, 6, 9)
    >>> with torch.inference_mode():
    ...     torch.equal(lean_twin(network)(image), network(image))
    True
    """
    if not any(isinstance(module, ResidualBlock) for module in model.modules()):
        return model
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    twin = copy.deepcopy(model, memo=shared)
    for name, module in list(twin.named_modules()):
        if isinstance(module, ResidualBlock):
            parent, _, child = name.rpartition(".")
            setattr(twin.get_submodule(parent), child, LeanResidualBlock(module))
    return twin
