"""Everything that can be wrong with a picture, each as one sentence for the visitor."""

MAX_PIXELS = 50_000_000
MESSAGES = {
    "no_picture": "No picture has arrived, and one is needed: choose, paste or take a photo first.",
    "no_file": "{name} is not a file that can be opened; give the path of a picture file.",
    "expired": "The picture is no longer here, because files are deleted after an hour; choose it "
    "again.",
    "empty": "The picture is empty, without a single pixel; choose the file again, or another one.",
    "not_a_picture": "The file is not a picture that can be read here; choose a photo as JPEG, "
    "PNG, WebP, AVIF, HEIC, TIFF, BMP or GIF.",
    "svg": "The file is an SVG drawing, made of shapes, but a picture made of pixels is needed; "
    "export it as PNG and choose that.",
    "truncated": "The file breaks off before its picture is complete, and the whole picture is "
    "needed; copy or download the file again.",
    "unreadable": "The file is damaged, or a variant of its format that cannot be read here; "
    "open it in a photo program, save it as PNG or JPEG, and choose that.",
    "too_large": "The picture has {width} × {height} pixels ({megapixels} megapixels), and at "
    "most {limit} megapixels are possible; make it smaller or cut out a part.",
    "too_large_unknown": "The picture has more than {limit} megapixels, and no more are possible; "
    "make it smaller or cut out a part.",
    "too_many_bytes": "The file is larger than {limit} MB, and no larger one is read; save the "
    "picture as JPEG or PNG and choose that.",
    "unknown_format": "A picture cannot be saved as {format}, only as {possible}; choose one of "
    "these.",
    "cannot_save": "A picture of {width} × {height} pixels cannot be saved as {format}; choose "
    "another format, such as PNG.",
    "result_too_large": "The result would have {megapixels} megapixels, and at most {limit} are "
    "possible; give this task a picture of up to {input_limit:g} megapixels.",
    "too_small_to_judge": "The picture has {width} × {height} pixels, too few to measure anything; "
    "choose one of at least {least} × {least} pixels.",
    "cannot_write": "{name} cannot be written ({reason}); choose another folder or file name.",
}


class PictureError(ValueError):
    """A picture cannot be read or saved; ``str(error)`` is a sentence for the visitor.

    Attributes:
        code: Key in ``MESSAGES``.
        values: Values of its placeholders, so that a page can translate it.

    >>> PictureError("too_large_unknown", limit=50).values
    {'limit': 50}
    """

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(MESSAGES[code].format(**values))
        self.code = code
        self.values = values


def check_size(size: tuple[int, int]) -> None:
    """Raise a PictureError if ``size`` (width, height) is empty or above ``MAX_PIXELS``."""
    width, height = size
    if not width or not height:
        raise PictureError("empty")
    if width * height > MAX_PIXELS:
        # Rounded up to a tenth, so that the number never equals the limit it exceeds.
        megapixels = -(-width * height // 100_000) / 10
        raise PictureError(
            "too_large",
            width=width,
            height=height,
            megapixels=f"{megapixels:g}" if megapixels < 1000 else f"{megapixels:.0f}",
            limit=MAX_PIXELS // 1_000_000,
        )
