"""Blockiness: how far the 8 x 8 blocks of a JPEG file stand out, before and after a network."""

from torch import Tensor

from deconv_demo import degradations
from deconv_demo.classical import y_channel

BLOCK_SIDE = 8


def blockiness(image: Tensor, scale: int = 1) -> float:
    """Return the mean step across JPEG block edges, minus that between other neighbours.

    Steps are absolute differences of Y between neighbours, along rows and columns, as in the
    blocking effect factor of Yim and Bovik 2011. An upscaled picture is first brought back to the
    size of its file: sharper upscaling draws every edge in fewer pixels, and the measure is of
    how far the blocks stand out, not of how thin their outlines are.

    Args:
        image: ``(1, 3, H, W)`` in ``[0, 1]``; the file's first block begins in the top left
            corner.
        scale: Side of the image / side of its file.

    Returns:
        Levels of 255; about 0 for a picture that was never in blocks.

    >>> import torch
    >>> blocks = torch.arange(16.0).div(255).repeat_interleave(8).expand(1, 3, 128, 128)
    >>> round(blockiness(blocks), 2)  # 1 across and 0 down, the Y of a level is 219 / 255 of it
    0.43
    """
    # It is not rounded again, as a file would be: steps of less than a level count.
    y = y_channel(degradations.bicubic_downsample(image, scale) if scale > 1 else image)
    steps = []
    for dim in (-2, -1):
        differences = y.diff(dim=dim).abs().movedim(dim, 0).flatten(1).mean(1)
        across = differences[BLOCK_SIDE - 1 :: BLOCK_SIDE]
        elsewhere = (differences.sum() - across.sum()) / (len(differences) - len(across))
        steps.append(float(across.mean() - elsewhere))
    return 255 * sum(steps) / 2
