"""The device and number format of a network, chosen by asking the machine."""

import copy
from functools import lru_cache

import torch

from deconv_demo.networks import QuantizedNetwork, Restorer, has_fast_int8, inplace_copy
from deconv_demo.tasks import TASKS


def inference_device() -> torch.device:
    """Return the GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def inference_dtype(device: torch.device) -> torch.dtype:
    """Return the fastest dtype of a device: bfloat16 where it is native, else int8, else float32.

    On a CPU with AVX-512 BF16, bfloat16 is over twice as fast as float32, and on one without it is
    slower; many of those multiply 8-bit integers fast. So the CPU is asked.
    """
    dtype = float_dtype(device)
    if dtype == torch.float32 and device.type == "cpu" and has_fast_int8():
        return torch.int8
    return dtype


def float_dtype(device: torch.device) -> torch.dtype:
    """Return bfloat16 where the hardware computes in it, else float32."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if native else torch.float32


@lru_cache(maxsize=3 * len(TASKS))
def prepare_for_inference(
    model: Restorer, device: torch.device, dtype: torch.dtype
) -> tuple[Restorer | QuantizedNetwork, torch.dtype]:
    """Return the model prepared for inference on ``device`` and the dtype it will really use.

    Args:
        model: Network as ``load_model`` returns it; it is left unchanged.
        device: Device to run on.
        dtype: float32, bfloat16, or int8, which becomes float32 where it is not supported or not
            calibrated (and for single inputs beyond the ranges, see ``QuantizedNetwork``).

    Raises:
        ValueError: ``dtype`` is another one.
    """
    ranges = getattr(model, "ranges", None)
    if dtype not in (torch.float32, torch.bfloat16, torch.int8):
        raise ValueError(f"networks run in float32, bfloat16 or int8, not in {dtype}")
    if dtype == torch.int8 and device.type == "cpu" and ranges is not None and has_fast_int8():
        return QuantizedNetwork(model, ranges), dtype
    # Modules move in place, and the loaded one is shared by all callers.
    copied = inplace_copy(model if device.type == "cpu" else copy.deepcopy(model).to(device))
    return copied, torch.float32 if dtype == torch.int8 else dtype
