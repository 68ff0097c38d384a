"""Photographs from folders and tar files, and random crops of them for training."""

import itertools
import re
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePath
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from deconv_demo.classical import wiener_deconvolve
from deconv_demo.degradations import DegradedBatch, quantize
from deconv_demo.pictures import PictureError, open_picture, to_pixels
from deconv_demo.restoration import wiener_guide
from deconv_demo.tasks import Recipe

CLEAN_ENDING = re.compile(r"[-_](HR|GT)$", re.IGNORECASE)
MAX_REDUCTION = 2
# Probability that a batch of a guided network gets its guide without an estimate of the blur.
SKIP_ESTIMATION_PROB = 0.04
# Probability that a batch of a guided network is of shakes, where there are some.
SHAKE_PROB = 0.5
PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"}


class DataError(RuntimeError):
    """There is nothing to train or evaluate on where the command line pointed."""


def read_pictures(sources: Iterable[Path], *, smallest_side: int = 1) -> list[np.ndarray]:
    """Read every picture of folders and tar files, in the order of their names.

    Args:
        sources: Folders (searched through), tar files and pictures: JPEG, PNG, WebP, BMP, TIFF,
            PPM and PGM, by their suffixes. Hidden files are left out.
        smallest_side: Pictures with a shorter side are left out.

    Returns:
        ``(H, W, 3)`` uint8 arrays.

    Raises:
        DataError: A source does not exist, or all of them together hold no such picture.
    """
    return list(read_named_pictures(sources, smallest_side=smallest_side).values())


def read_named_pictures(
    sources: Iterable[Path], *, smallest_side: int = 1, limit: int | None = None
) -> dict[str, np.ndarray]:
    """Read like ``read_pictures``, the first ``limit``, with the place of each picture as key."""
    sources = list(sources)
    with ThreadPoolExecutor() as pool:
        pictures = dict(pool.map(_decode, itertools.islice(_encoded_pictures(sources), limit)))
    large = {
        name: array for name, array in pictures.items() if min(array.shape[:2]) >= smallest_side
    }
    if not large:
        places = ", ".join(str(source) for source in sources)
        raise DataError(
            f"No picture of at least {smallest_side} pixels a side in {places}; a picture is a "
            f"file that ends in {', '.join(sorted(PICTURE_SUFFIXES))}"
        )
    return large


def match_lr_images(
    clean: dict[str, np.ndarray], small: dict[str, np.ndarray], scale: int
) -> list[np.ndarray]:
    """Find the low-resolution image of every clean picture, as standard test sets ship them.

    Args:
        clean: Pictures as ``read_named_pictures`` returns them.
        small: Low-resolution images, likewise. The file name of one is that of its clean picture,
            without "_HR" or "_GT", and a suffix that does not continue the name: "baby.png" and
            "babyx2.png" or "baby_LRBI_x2.png", "baby_HR.png" and "baby_LR.png". Other images, also
            of other scales, may be among them.
        scale: Scale of the low-resolution images. Sets cut clean pictures to multiples of it.

    Returns:
        The low-resolution images, in the order of ``clean``.

    Raises:
        DataError: A picture has no low-resolution image, or only ones of another size.
    """
    twins = []
    for place, pixels in clean.items():
        stem = CLEAN_ENDING.sub("", PurePath(place).stem)
        size = tuple(length // scale for length in pixels.shape[:2])
        # "img_10" does not belong to "img_1", nor "birds" to "bird".
        name = re.compile(re.escape(stem) + r"(x\d|[^a-z0-9].*|$)", re.IGNORECASE)
        candidates = [
            (PurePath(other).stem, array)
            for other, array in small.items()
            if name.match(PurePath(other).stem)
        ]
        fitting = [array for _, array in candidates if array.shape[:2] == size]
        if not candidates:
            raise DataError(f"{stem} has no low-resolution copy whose name begins with {stem}")
        if len(fitting) != 1:
            found = ", ".join(f"{other} {a.shape[0]} x {a.shape[1]}" for other, a in candidates)
            raise DataError(
                f"{stem} needs one low-resolution copy of {size[0]} rows and {size[1]} columns "
                f"at scale {scale}, "
                f"found {found}"
            )
        twins.append(fitting[0])
    return twins


def _encoded_pictures(sources: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for source in sources:
        if source.is_dir():
            for path in sorted(source.rglob("*")):
                if _is_named_as_picture(path) and path.is_file():
                    yield str(path), path.read_bytes()
        elif source.is_file() and _is_named_as_picture(source):
            yield str(source), source.read_bytes()
        elif source.is_file():
            yield from _pictures_of_tar(source)
        else:
            raise DataError(f"{source} does not exist; give a folder, a tar file or photographs")


def _is_named_as_picture(path: PurePath) -> bool:
    # Archives made on a Mac have a hidden "._photo.png" beside each photo.png.
    return path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")


def _pictures_of_tar(source: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(source) as archive:
            members = sorted(archive.getmembers(), key=lambda member: member.name)
            for member in members:
                if not _is_named_as_picture(PurePath(member.name)) or not member.isfile():
                    continue
                if (encoded := archive.extractfile(member)) is not None:
                    yield f"{source}:{member.name}", encoded.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DataError(f"{source} is neither a folder nor a whole tar file: {error}") from error


def _decode(named: tuple[str, bytes]) -> tuple[str, np.ndarray]:
    name, encoded = named
    try:
        return name, to_pixels(open_picture(encoded))
    except PictureError as error:
        raise DataError(f"{name} cannot be read as a picture ({error}); remove it") from error


def pixels_to_image(pixels: np.ndarray) -> Tensor:
    """Turn ``(H, W, 3)`` uint8 pixels into a ``(1, 3, H, W)`` float32 image in ``[0, 1]``."""
    return torch.from_numpy(pixels.astype(np.float32)).div(255).permute(2, 0, 1).unsqueeze(0)


def to_gray(image: Tensor) -> Tensor:
    """Return ``(B, 3, H, W)`` in ``[0, 1]`` without colour: Y' of BT.601, rounded to 8 bits."""
    weights = torch.tensor([0.299, 0.587, 0.114]).to(image).view(1, 3, 1, 1)
    return quantize((image * weights).sum(dim=1, keepdim=True)).expand_as(image)


def center_crop(pixels: np.ndarray, side: int) -> np.ndarray:
    """Cut the middle ``side`` x ``side`` pixels, or the whole of a shorter side."""
    top, left = (max(length - side, 0) // 2 for length in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


class CropSpec(Protocol):
    """Fields of a task or an ``EstimatorSpec`` that ``CropSampler`` uses."""

    @property
    def degrade(self) -> Callable[[Tensor, Generator], DegradedBatch]: ...
    @property
    def recipe(self) -> Recipe: ...
    @property
    def scale(self) -> int: ...
    @property
    def guided(self) -> bool: ...


class KnownBlurs(Protocol):
    """A degradation that comes with the kernels that are undone in the guide."""

    def degrade(self, clean: Tensor, generator: Generator) -> tuple[Tensor, Tensor]: ...


class CropSampler:
    """A sampler of random degraded / clean pairs: picture, place, and one of eight symmetries.

    Pictures are drawn in proportion to their pixels, so that every place is as likely as any
    other.

    Args:
        pictures: ``(H, W, 3)`` uint8 arrays, each at least as large as a crop.
        task: Task that defines the size of a crop and its degradation.
        generator: Source of all randomness, on the CPU.
        device: Device on which crops are degraded and returned.
        shakes: For a guided task, blurs that come with a kernel to be undone: half of the batches.
    """

    def __init__(
        self,
        pictures: list[np.ndarray],
        task: CropSpec,
        generator: Generator,
        device: torch.device,
        shakes: KnownBlurs | None = None,
    ) -> None:
        self.task, self.generator, self.device, self.shakes = task, generator, device, shakes
        self.pictures = [torch.from_numpy(array) for array in pictures]
        self.weights = torch.tensor([float(len(p) * p.shape[1]) for p in self.pictures])
        self.side = crop_side(task)

    def sample(self) -> tuple[DegradedBatch, Tensor]:
        """Return ``((degraded, condition), clean)``, float32 in ``[0, 1]``, without margins.

        The condition is the second argument of the network: sigma, a guide or None.
        """
        chosen = torch.multinomial(
            self.weights, self.task.recipe.batch, replacement=True, generator=self.generator
        )
        crops = torch.stack([self._crop(self.pictures[index]) for index in chosen.tolist()])
        clean = crops.to(self.device, non_blocking=True).permute(0, 3, 1, 2).float().div(255)
        if self.task.recipe.grey_share:
            drawn = torch.rand(len(clean), generator=self.generator)
            gray = (drawn < self.task.recipe.grey_share).to(clean.device)
            clean[gray] = to_gray(clean[gray])
        kernels = None
        if self.shakes is not None and self._chance(SHAKE_PROB):
            degraded, kernels = self.shakes.degrade(clean, self.generator)
            condition = None
        else:
            degraded, condition, target = self.task.degrade(clean, self.generator)
            clean = clean if target is None else target
        margin, scale = self.task.recipe.margin, self.task.scale
        degraded, clean = _cut(degraded, margin), _cut(clean, margin * scale)
        if self.task.guided:
            if kernels is not None:
                condition = wiener_deconvolve(degraded, kernels)
            else:
                skip = self._chance(SKIP_ESTIMATION_PROB)
                condition = wiener_guide(degraded, skip_estimation=skip)
            top, left = (self._integer(self.task.recipe.context + 1) for _ in range(2))
            rows, columns = (slice(at, at + self.task.recipe.patch) for at in (top, left))
            degraded, condition, clean = (
                image[..., rows, columns] for image in (degraded, condition, clean)
            )
        return DegradedBatch(degraded, condition), clean

    def _crop(self, picture: Tensor) -> Tensor:
        side = self._side_to_cut(min(picture.shape[:2]))
        height, width = picture.shape[:2]
        top = self._integer(height - side + 1)
        left = self._integer(width - side + 1)
        crop = _reduced(picture[top : top + side, left : left + side], self.side)
        symmetry = self._integer(8)
        if symmetry & 4:
            crop = crop.flip(1)
        return torch.rot90(crop, symmetry & 3)

    def _side_to_cut(self, shortest: int) -> int:
        """Return the side to cut for one crop: the side of a crop, or up to twice that."""
        share = self.task.recipe.reduced_share
        if not share or torch.rand((), generator=self.generator) >= share:
            return self.side
        largest = min(MAX_REDUCTION * self.side, shortest)
        return self.side + self._integer(int(largest) - self.side + 1)

    def _chance(self, probability: float) -> bool:
        return torch.rand((), generator=self.generator).item() < probability

    def _integer(self, below: int) -> int:
        return int(torch.randint(below, (), generator=self.generator))


def crop_side(task: CropSpec) -> int:
    """Return the side of the clean crop that one training pair of ``task`` is made from."""
    recipe = task.recipe
    return (recipe.patch + recipe.context + 2 * recipe.margin) * task.scale


def _cut(image: Tensor, margin: int) -> Tensor:
    return image[..., margin:-margin, margin:-margin] if margin else image


def _reduced(crop: Tensor, side: int) -> Tensor:
    """Downscale a square ``(S, S, 3)`` uint8 crop: antialiased bicubic."""
    if len(crop) == side:
        return crop
    image = crop.permute(2, 0, 1).unsqueeze(0).float()
    image = F.interpolate(image, size=(side, side), mode="bicubic", antialias=True)
    return image[0].permute(1, 2, 0).round().clamp(0, 255).byte()
