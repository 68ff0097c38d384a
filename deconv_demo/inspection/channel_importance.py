"""Importance of channels, measured as the loss from switching each one off."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from deconv_demo.classical import psnr
from deconv_demo.inspection.feature_maps import find_layers
from deconv_demo.inspection.network_ablation import Edits, run_edited


@dataclass(frozen=True, kw_only=True)
class ChannelLoss:
    """The loss of the output when one channel is switched off.

    Attributes:
        channel: Number of the channel.
        psnr_db: PSNR of the output without it against the original output, in decibels;
            infinite where nothing changes. The lower, the more the channel matters.
        drop_db: PSNR of the original output against the ground truth, minus that of the output
            without the channel; negative where the output gets better. None without ground truth.
    """

    channel: int
    psnr_db: float
    drop_db: float | None


def rank_channels(
    model: nn.Module,
    inputs: Sequence[Tensor],
    layer_name: str,
    *,
    cached: Mapping[str, Tensor],
    baseline_output: Tensor,
    truth: Tensor | None = None,
) -> Iterator[ChannelLoss]:
    """Switch off one channel of a layer after the other, and measure the loss of the output.

    Close the generator to stop; no channel is measured before it is requested.

    Args:
        model, inputs, cached: As for ``run_edited``.
        layer_name: Name of the layer.
        baseline_output: Output of the unedited pass, ``(1, 3, H, W)``.
        truth: Ground truth of the same shape, values in ``[0, 1]``.

    Yields:
        One ``ChannelLoss`` a channel, in the order of the channels.

    Raises:
        ValueError: The layer is neither in ``cached`` nor a convolution.
    """
    layer = find_layers(model, [layer_name])[layer_name]
    count: int | None = (
        cached[layer_name].shape[1]
        if layer_name in cached
        else getattr(layer, "out_channels", None)
    )
    if count is None:
        raise ValueError(f"it is not known how many channels the layer {layer_name!r} has")
    baseline_output = baseline_output.clamp(0, 1)
    before = 0.0 if truth is None else psnr(baseline_output, truth)
    for channel in range(count):
        off = Edits(channels={layer_name: {channel: 0.0}})
        restored = run_edited(model, inputs, off, cached).clamp(0, 1)
        yield ChannelLoss(
            channel=channel,
            psnr_db=psnr(restored, baseline_output),
            drop_db=None if truth is None else before - psnr(restored, truth),
        )


def order_by_loss(losses: Sequence[ChannelLoss]) -> list[ChannelLoss]:
    """Return the losses with the most important channel first, by the drop where it is known."""
    return sorted(losses, key=lambda loss: (-(loss.drop_db or 0.0), loss.psnr_db))
