"""Tensors and networks of which only the shapes are kept, on the meta device."""

import copy
from collections import OrderedDict

import torch
from torch import Tensor, nn


def weightless(tensor: Tensor) -> Tensor:
    dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
    return torch.empty(tensor.shape, dtype=dtype, device="meta")


def meta_copy(model: nn.Module) -> nn.Module:
    # What stands in this memo is taken as the copy: no weight is duplicated, and hooks that
    # others have on the model stay with it.
    memo: dict[int, object] = {
        id(module._forward_hooks): OrderedDict() for module in model.modules()
    }
    with torch.inference_mode(False):
        for parameter in model.parameters():
            memo[id(parameter)] = nn.Parameter(weightless(parameter), requires_grad=False)
        for buffer in model.buffers():
            memo[id(buffer)] = weightless(buffer)
        return copy.deepcopy(model, memo).eval()
