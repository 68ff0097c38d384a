"""How the noise of a picture differs between its channels and from pixel to pixel, in flat places.

How strong noise is must be told from detail everywhere, by a network; how it is shared between the
channels, and how coarse it is, can be measured where there is hardly any detail.
"""

import numpy as np

BLOCK = 8
# Of all blocks that are neither black nor white, those with the least variance, and the fewest that
# say anything.
FLATTEST_SHARE, FEWEST = 0.1, 12
_DARKEST, _BRIGHTEST = 12, 243


def flat_block_noise(pixels: np.ndarray) -> tuple[np.ndarray, float] | None:
    """Return the rms of each channel in flat blocks, and the correlation of neighbouring pixels.

    Args:
        pixels: ``(H, W, 3)`` uint8.

    Returns:
        ``(3,)`` of 255, and a number up to 1, about 0 for white noise; None where there are too few
        blocks.

    Notes:
        A plane is taken off each block, so that shading is no noise. Of white noise ``n`` it leaves
        ``(I - P) n`` with the projection ``P`` on planes, whose neighbours are correlated by a
        little less than 0; the correlation is given relative to that.

    >>> flat_block_noise(np.zeros((64, 64, 3), np.uint8)) is None
    True
    """
    height, width = (side // BLOCK for side in pixels.shape[:2])
    whole = pixels[: height * BLOCK, : width * BLOCK].reshape(height, BLOCK, width, BLOCK, 3)
    blocks = whole.transpose(0, 2, 4, 1, 3).reshape(-1, 3, BLOCK * BLOCK)
    means = blocks.mean(axis=2)
    blocks = blocks[((means > _DARKEST) & (means < _BRIGHTEST)).all(axis=1)].astype(np.float32)
    kept = int(FLATTEST_SHARE * len(blocks))
    if kept < FEWEST:
        return None
    rest = blocks @ _OFF_PLANE
    order = np.argpartition((rest**2).sum(axis=(1, 2)), kept)[:kept]
    rest = rest[order]
    power = (rest**2).mean(axis=(0, 2))
    if power.sum() <= 0:
        return None
    gray = rest.mean(axis=1).reshape(-1, BLOCK, BLOCK)
    variance = float((gray**2).mean())
    beside = float((gray[:, :, 1:] * gray[:, :, :-1]).mean() + (gray[:, 1:] * gray[:, :-1]).mean())
    found = beside / 2 / variance if variance > 0 else 0.0
    return np.sqrt(power), (found - _WHITE) / (1 - _WHITE)


def _off_plane() -> np.ndarray:
    """Return the projection of a block, row after row, on what no plane is."""
    rows, columns = np.indices((BLOCK, BLOCK)).reshape(2, -1) - (BLOCK - 1) / 2
    planes = np.stack([np.ones(BLOCK * BLOCK), rows, columns], axis=1)
    basis, _ = np.linalg.qr(planes)
    return (np.eye(BLOCK * BLOCK) - basis @ basis.T).astype(np.float32)


def _white_correlation() -> float:
    """Return the correlation of neighbours that taking planes off gives to white noise."""
    covariance = _OFF_PLANE.reshape((BLOCK,) * 4)
    across = np.mean([covariance[r, c, r, c + 1] for r in range(BLOCK) for c in range(BLOCK - 1)])
    return float(across / (np.trace(_OFF_PLANE) / BLOCK**2))


_OFF_PLANE = _off_plane()
_WHITE = _white_correlation()
