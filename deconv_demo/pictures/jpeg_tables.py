"""The quality of a JPEG file, by its quantization tables."""

from PIL import Image

# The luminance table K.1 of ITU-T T.81, which libjpeg scales by the quality, in rising order: a
# scaled table is sorted the same way, whatever order a decoder gives it in.
_AT_50 = sorted(
    (16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55)
    + (14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62)
    + (18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92)
    + (49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99)
)
_LARGEST_STEP = 255  # of a table of 8 bits; coarser steps are cut off there
_CODED = ("JPEG", "MPO")


def file_quality(picture: Image.Image) -> float | None:
    """Return the quality of the JPEG file that a picture was opened from, as libjpeg counts it.

    Cameras have tables of their own: for these it is the quality whose steps are as coarse.

    Args:
        picture: As Pillow opened it.

    Returns:
        1 to 100; None where the file is no JPEG.

    References:
        ITU-T T.81, annex K; ``jpeg_quality_scaling`` of libjpeg.

    >>> import io
    >>> stream = io.BytesIO()
    >>> Image.new("RGB", (8, 8)).save(stream, "JPEG", quality=30)
    >>> round(file_quality(Image.open(stream)))
    30
    """
    tables = getattr(picture, "quantization", None)
    if picture.format not in _CODED or not tables:
        return None
    steps = sorted(next(iter(tables.values())))
    kept = [pair for pair in zip(steps, _AT_50, strict=False) if pair[0] < _LARGEST_STEP]
    if not kept:
        return 1.0
    scale = 100 * sum(step for step, _ in kept) / sum(usual for _, usual in kept)
    return min(max(5000 / scale if scale > 100 else 100 - scale / 2, 1.0), 100.0)
