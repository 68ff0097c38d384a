"""Copies of a network that have their own tree of modules and share the original's weights."""

import copy
from collections import OrderedDict

from torch import nn


def weight_sharing_copy(model: nn.Module) -> nn.Module:
    """Copy the modules of a network but not its tensors.

    Hooks on the copy and layers replaced in it never touch the original, which other threads may be
    running. A copy takes well under a millisecond.

    Args:
        model: Any network. Its own hooks are not copied; its parameters and buffers are shared,
            so do not train the copy.

    >>> layer = nn.Sequential(nn.Conv2d(3, 8, 3))
    >>> copied = weight_sharing_copy(layer)
    >>> copied[0] = nn.Identity()
    >>> type(layer[0]).__name__, weight_sharing_copy(layer)[0].weight is layer[0].weight
    ('Conv2d', True)
    """
    return _copy(model, {})


def _copy(module: nn.Module, made: dict[int, nn.Module]) -> nn.Module:
    if id(module) in made:  # a layer in two places stays one layer
        return made[id(module)]
    copied = made[id(module)] = copy.copy(module)
    copied._modules = {
        name: child if child is None else _copy(child, made)
        for name, child in module._modules.items()
    }
    for kept, value in vars(module).items():
        if isinstance(value, OrderedDict) and "hooks" in kept:
            setattr(copied, kept, OrderedDict())
    return copied
