"""Shakes for the deblurrer: blurred crops with their kernels, as an estimate knows them.

What a network sees beside a picture is the picture with an estimated kernel undone, and no estimate
is right: trained on true kernels it would trust the guide too much. The search for a shake takes a
second, far too long for each crop, so kernels are drawn and estimated once, on pictures of the
training set, and each pair of true and estimated kernel is used again, turned and mirrored, on
other crops.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from deconv_demo.degradations import (
    SHAKE_KERNEL_SIZE,
    add_gaussian_noise,
    blur,
    random_jpeg,
    random_shake_kernel,
)
from deconv_demo.estimation import kernel_similarity, widened
from deconv_demo.pictures import to_uint8
from deconv_demo.restoration import estimate_kernel
from deconv_demo.training.data import pixels_to_image

# Side of the crops on which kernels are estimated.
SHOWN = 420
# A pair less alike than this is no estimate of the shake at all; what then is shown to visitors is
# decided by the checks that follow an estimate.
ALIKE = 0.55
MAX_SIGMA, JPEG_PROB = 4 / 255, 0.2


class ShakePairs:
    """Pairs of a true kernel and what was estimated of it.

    Args:
        pairs: Two of ``(K, K)`` each, the true one and the estimate.
    """

    def __init__(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
        self.pairs = list(pairs)

    @classmethod
    def estimate(
        cls, pictures: Sequence[np.ndarray], count: int, generator: Generator
    ) -> "ShakePairs":
        """Blur crops of pictures by ``count`` shakes, and estimate the kernel of each."""
        pairs = []
        for _ in range(count):
            index = int(torch.randint(len(pictures), (), generator=generator))
            clean = _crop(pictures[index], generator)
            kernel = random_shake_kernel(generator)
            shown = degrade(clean, kernel[None], generator)
            found = widened(estimate_kernel(to_uint8(shown)), SHAKE_KERNEL_SIZE)
            if kernel_similarity(kernel, found) > ALIKE:
                pairs.append((_beside(kernel, found), found))
        return cls(pairs)

    def degrade(self, clean: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Blur images ``(B, 3, H, W)`` by a kernel each; returns them and the estimates."""
        drawn = [self._draw(generator) for _ in clean]
        true, found = (torch.stack(kernels) for kernels in zip(*drawn, strict=True))
        return degrade(clean, true, generator), found.to(clean)

    def _draw(self, generator: Generator) -> tuple[Tensor, Tensor]:
        index, turns = (
            int(torch.randint(below, (), generator=generator)) for below in (len(self.pairs), 8)
        )
        true, found = (torch.rot90(kernel, turns & 3) for kernel in self.pairs[index])
        return (true.flip(1), found.flip(1)) if turns & 4 else (true, found)


def degrade(clean: Tensor, kernels: Tensor, generator: Generator) -> Tensor:
    """Blur images, add noise of a camera in good light, and save some as JPEG."""
    sigma = torch.rand(len(clean), generator=generator) * MAX_SIGMA
    noisy = add_gaussian_noise(blur(clean, kernels), sigma, generator)
    return random_jpeg(noisy, generator, probability=JPEG_PROB)


def _crop(pixels: np.ndarray, generator: Generator) -> Tensor:
    """Cut ``SHOWN`` pixels a side, or what there is, anywhere: ``(1, 3, h, w)``."""
    top, left = (
        int(torch.randint(max(side - SHOWN, 0) + 1, (), generator=generator))
        for side in pixels.shape[:2]
    )
    return pixels_to_image(pixels[top : top + SHOWN, left : left + SHOWN])


def _beside(kernel: Tensor, found: Tensor) -> Tensor:
    """Shift a kernel by whole pixels to where the estimate lies: nothing shows where it lay."""
    side = SHAKE_KERNEL_SIZE
    size = [2 * side] * 2
    product = torch.fft.rfft2(found, s=size) * torch.fft.rfft2(kernel, s=size).conj()
    best = int(torch.fft.irfft2(product, s=size).argmax())
    down, across = (shift - 2 * side if shift > side else shift for shift in divmod(best, 2 * side))
    wide = F.pad(kernel, (side,) * 4).roll((down, across), (0, 1))
    moved = wide[side : 2 * side, side : 2 * side]
    return moved / moved.sum()
