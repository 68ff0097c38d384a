"""Estimate the strength of the noise in a picture, so that nobody has to guess it."""

import numpy as np

PATCH = 8
# Enough patches for a stable covariance; more only costs time.
LARGEST_PATCH_COUNT = 40_000
# Below the first level of noise the texture of a picture misleads the eigenvalues, above the
# second it misleads them less than it does the wavelets; between them the two are mixed.
TRUST_WAVELETS_BELOW, TRUST_PATCHES_ABOVE = 20.0, 40.0
# Noise of so many standard deviations must fit between a patch's mean and black or white.
CLEARANCE = 2.5
# Flat in over half of its places: a page or a drawing, whose edges alone look like noise.
FLAT_SHARE_OF_A_DRAWING = 0.5
# So many places are asked how much noise is where a picture is quietest. In a tenth of them it
# is weaker than on the whole, by chance and because light parts of a photo have less or more of
# it than dark ones; the factor allows for that.
FEWEST_PLACES, QUIET_SHARE, QUIET_SCATTER = 40, 0.1, 1.5
DARKEST_PLACE = 16
# How often the noise that clipping has hidden is guessed anew; it has settled by then.
CLIPPING_ROUNDS = 10
# Median of |x| for a standard normal x.
NORMAL_MEDIAN = 0.6745


def estimate_sigma(pixels: np.ndarray) -> float:
    """Estimate the standard deviation of white noise.

    Weak noise is estimated from the finest diagonal wavelet coefficients (Donoho and
    Johnstone 1994), strong noise from the eigenvalues of the
    covariance of all patches: natural patches vary in few directions, noise in all of them
    equally, so the largest are dropped until the mean of the rest equals its median (Chen,
    Zhu and Heng 2015, "An Efficient Statistical Method for Image Noise Level Estimation"). What
    0 and 255 have cut off is added, and no more is believed than the quietest places show.

    Args:
        pixels: ``(H, W, 3)`` uint8.

    Returns:
        Standard deviation on ``[0, 1]``, averaged over channels; 0 for pictures too small to
        tell.

    >>> estimate_sigma(np.full((64, 64, 3), 128, np.uint8))
    0.0
    """
    if min(pixels.shape[:2]) < 2 * PATCH:
        return 0.0
    part = _middle(pixels)
    variances = [_noise_variance(part[..., channel]) for channel in range(3)]
    return float(np.sqrt(np.mean(variances))) / 255


def _noise_variance(channel: np.ndarray) -> float:
    means, details = _finest_details(channel)
    flat = np.abs(details) < 1e-6
    if flat.mean() > FLAT_SHARE_OF_A_DRAWING:
        return 0.0
    from_patches = _variance_from_patches(channel)
    span = TRUST_PATCHES_ABOVE - TRUST_WAVELETS_BELOW
    trust = np.clip((np.sqrt(from_patches) - TRUST_WAVELETS_BELOW) / span, 0, 1)
    # What is weak to the patches is weak: the wavelets take the edges of a drawing for noise.
    weak = min(from_patches, _variance_from_wavelets(details, flat, means))
    variance = float(trust * from_patches + (1 - trust) * weak)
    return variance * _share_in_quiet_places(variance, means, details)


def _middle(pixels: np.ndarray, side: int = 1024) -> np.ndarray:
    """Cut the middle of a large picture; a megapixel tells as much as fifty."""
    top, left = (max(length - side, 0) // 2 for length in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


def _finest_details(channel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return local means and the finest diagonal wavelet coefficients, of one shape."""
    import pywt

    smooth, (_, _, details) = pywt.dwt2(channel.astype(np.float64), "db2")
    return smooth / 2, details  # a low-pass filter of gain sqrt(2) in each direction


def _variance_from_wavelets(details: np.ndarray, flat: np.ndarray, means: np.ndarray) -> float:
    """Square of the median absolute deviation of the finest diagonal coefficients."""
    # Zeros at black and white come from areas that are clipped; elsewhere they say that there is
    # no noise.
    clipped = flat & ((means < 1) | (means > 254))
    variance = _median_variance(details[~clipped])
    room = CLEARANCE * np.sqrt(variance)
    roomy = details[~clipped & (means > room) & (means < 255 - room)]
    return _median_variance(roomy) if len(roomy) >= 10 * PATCH * PATCH else variance


def _median_variance(details: np.ndarray) -> float:
    if len(details) == 0:
        return 0.0
    return float(np.median(np.abs(details)) / NORMAL_MEDIAN) ** 2


def _share_in_quiet_places(variance: float, means: np.ndarray, details: np.ndarray) -> float:
    """Return by how much ``variance`` must be lowered to agree with where a picture is quietest.

    White noise is everywhere, texture is not: if even the quietest tenth of all places shows far
    less than ``variance``, that was leaves or letters.
    """
    height, width = (length // PATCH for length in details.shape)
    if variance == 0 or height * width < FEWEST_PLACES:
        return 1.0
    places = [
        array[: height * PATCH, : width * PATCH].reshape(height, PATCH, width, PATCH)
        for array in (means, np.square(details))
    ]
    bright, found = (array.mean(axis=(1, 3)).ravel() for array in places)
    # A sky that is clipped altogether tells nothing, nor does black, where a JPEG drops the rest
    # of the noise.
    told = (bright > DARKEST_PLACE) & ((bright < 254) | (found > 1e-6))
    if told.sum() < FEWEST_PLACES:
        return 1.0
    _, expected = _clipped_moments(bright[told], np.sqrt(variance))
    quiet = np.quantile(found[told] / expected, QUIET_SHARE)
    return min(1.0, float(quiet) * QUIET_SCATTER**2)


def _variance_from_patches(channel: np.ndarray) -> float:
    windows = np.lib.stride_tricks.sliding_window_view(channel, (PATCH, PATCH))
    count = windows.shape[0] * windows.shape[1]
    step = max(1, round(np.sqrt(count / LARGEST_PATCH_COUNT)))
    patches = windows[::step, ::step].reshape(-1, PATCH * PATCH).astype(np.float32)
    variance = _smallest_variance(patches)
    # Near black and white an 8-bit file has cut the noise off. Patches whose mean leaves room
    # for it tell its true strength, where there are enough of them.
    means = patches.mean(axis=1)
    room = CLEARANCE * np.sqrt(variance)
    roomy = (means > room) & (means < 255 - room)
    if roomy.sum() >= 10 * PATCH * PATCH:
        variance, means = _smallest_variance(patches[roomy]), means[roomy]
    return _variance_before_clipping(variance, means)


def _variance_before_clipping(variance: float, means: np.ndarray) -> float:
    """Return the variance of noise of which ``variance`` is left where 0 and 255 end it.

    Where noise is so strong that no patch leaves room for it, what is cut off follows from how
    bright each patch is, for normal noise.

    Args:
        variance: After clipping, the mean over patches.
        means: Of the clipped patches, on ``[0, 255]``.
    """
    bright = np.linspace(0, 255, 52)
    deviation = left = np.sqrt(variance)
    # Each round takes the share that the last estimate would lose as the share that was lost.
    for _ in range(CLIPPING_ROUNDS if variance > 0 else 0):
        clipped_means, clipped_variances = _clipped_moments(bright, deviation)
        truly = np.interp(means, clipped_means, bright)
        kept = np.interp(truly, bright, clipped_variances).mean() / deviation**2
        deviation = min(left / np.sqrt(kept), 255)
    return float(deviation**2)


def _clipped_moments(means: np.ndarray, deviation: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of normal variables after clipping to ``[0, 255]``."""
    from scipy.special import ndtr

    low, high = -means / deviation, (255 - means) / deviation
    below, above = ndtr(low), ndtr(-high)
    inside = 1 - below - above
    at_low, at_high = (np.exp(-(end**2) / 2) / np.sqrt(2 * np.pi) for end in (low, high))
    first = 255 * above + means * inside + deviation * (at_low - at_high)
    second = 255**2 * above + (means**2 + deviation**2) * inside
    second += deviation * (means * at_low - (means + 255) * at_high)
    return first, second - first**2


def _smallest_variance(patches: np.ndarray) -> float:
    eigenvalues = np.sort(np.linalg.eigvalsh(np.cov(patches, rowvar=False)))
    for kept in range(len(eigenvalues), 0, -1):
        rest = eigenvalues[:kept]
        if rest.mean() <= np.median(rest):
            return float(max(rest.mean(), 0))
    return float(max(eigenvalues[0], 0))
