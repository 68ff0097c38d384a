"""Which channels matter: the loss that each one causes when it is switched off."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from deconv_demo.classical import psnr
from deconv_demo.inspection.ablation import Edits, run_edited
from deconv_demo.inspection.feature_maps import find_layers


@dataclass(frozen=True, kw_only=True)
class ChannelLoss:
    """What the output loses when one channel is switched off.

    Attributes:
        channel: Its number.
        psnr_db: PSNR of the output without it against the untouched output, in decibels;
            infinite where nothing changes. The lower, the more the channel matters.
        drop_db: PSNR of the untouched output against the truth, less that of the output
            without the channel; negative where the output gets better. None without a truth.
    """

    channel: int
    psnr_db: float
    drop_db: float | None


def rank_channels(
    model: nn.Module,
    inputs: Sequence[Tensor],
    layer_name: str,
    *,
    known: Mapping[str, Tensor],
    untouched: Tensor,
    truth: Tensor | None = None,
) -> Iterator[ChannelLoss]:
    """Switch off one channel of a layer after the other, and measure what the output loses.

    Close the generator to stop; nothing runs ahead of what was asked for.

    Args:
        model, inputs, known: As for ``run_edited``.
        layer_name: The layer.
        untouched: Output of the unedited pass, ``(1, 3, H, W)``.
        truth: What it should have been, the same shape; values in ``[0, 1]``.

    Yields:
        One ``ChannelLoss`` a channel, in the order of the channels.

    Raises:
        ValueError: The layer is neither in ``known`` nor a convolution.
    """
    layer = find_layers(model, [layer_name])[layer_name]
    count: int | None = (
        known[layer_name].shape[1] if layer_name in known else getattr(layer, "out_channels", None)
    )
    if count is None:
        raise ValueError(f"it is not known how many channels the layer {layer_name!r} has")
    untouched = untouched.clamp(0, 1)
    before = 0.0 if truth is None else psnr(untouched, truth)
    for channel in range(count):
        off = Edits(channels={layer_name: {channel: 0.0}})
        restored = run_edited(model, inputs, off, known).clamp(0, 1)
        yield ChannelLoss(
            channel=channel,
            psnr_db=psnr(restored, untouched),
            drop_db=None if truth is None else before - psnr(restored, truth),
        )


def order_by_loss(losses: Sequence[ChannelLoss]) -> list[ChannelLoss]:
    """Return the channel that matters most first: by the drop where it is known."""
    return sorted(losses, key=lambda loss: (-(loss.drop_db or 0.0), loss.psnr_db))
