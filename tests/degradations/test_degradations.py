"""Noise, blur and downscaling against their definitions, SciPy and Pillow."""

import math

import numpy as np
import pytest
import scipy.ndimage
import torch
from PIL import Image
from torch import Generator, Tensor

from deconv_demo.degradations import (
    BLUR_KERNEL_SIZE,
    IDENTITY_KERNEL,
    add_gaussian_noise,
    bicubic_downsample_8bit,
    blend_two_blurs,
    blur,
    blur_and_noise,
    defocus_kernel,
    gaussian_kernel,
    half_plane_masks,
    is_gray,
    jpeg,
    motion_kernel,
    quantize,
    random_blur_kernel,
    random_jpeg,
)


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def is_8_bit(image: Tensor) -> bool:
    levels = image.double() * 255
    whole = (levels - levels.round()).abs().max() < 1e-4
    return bool(whole and image.min() >= 0 and image.max() <= 1)


def moments(kernel: Tensor) -> tuple[Tensor, Tensor]:
    """Centre of mass ``(y, x)`` from the middle, and the 2 x 2 matrix of second moments."""
    offsets = torch.arange(len(kernel), dtype=torch.float64) - len(kernel) // 2
    places = torch.stack(torch.meshgrid(offsets, offsets, indexing="ij")).flatten(1)
    mass = kernel.double().flatten()
    return places @ mass, (places * mass) @ places.T


def test_quantize_clips_and_rounds():
    values = torch.tensor([-3.0, 0.4 / 255, 0.6 / 255, 254.6 / 255, 7.0])
    assert quantize(values).mul(255).tolist() == pytest.approx([0, 0, 1, 255, 255])


@pytest.mark.parametrize("level", [5, 15, 50])
def test_noise_has_the_standard_deviation_asked_for(level):
    # Mid grey: at most 2.5 standard deviations of 50 / 255 reach the ends of the range.
    clean = torch.full((1, 3, 256, 256), 128 / 255)
    noise = (add_gaussian_noise(clean, level / 255, seeded()) - clean).double() * 255
    # Rounding adds 1 / 12 to the variance, clipping at 50 takes about 2 % off the deviation.
    expected = math.sqrt(level**2 + 1 / 12)
    assert noise.std().item() == pytest.approx(expected, rel=0.03 if level == 50 else 0.01)
    assert noise.mean().item() == pytest.approx(0, abs=0.5)
    channels = torch.corrcoef(noise[0].flatten(1))
    assert (channels - torch.eye(3)).abs().max() < 0.02, "channels must have noise of their own"


def test_noise_is_clipped_and_rounded_as_a_file_does():
    clean = torch.cat([torch.zeros(1, 3, 64, 64), torch.ones(1, 3, 64, 64)])
    noisy = add_gaussian_noise(clean, 50 / 255, seeded())
    assert is_8_bit(noisy)
    # Half of the noise on black and on white is lost.
    assert (noisy[0] == 0).double().mean().item() == pytest.approx(0.5, abs=0.02)
    assert (noisy[1] == 1).double().mean().item() == pytest.approx(0.5, abs=0.02)


def test_noise_level_of_each_image():
    clean = torch.full((2, 3, 128, 128), 0.5)
    noisy = add_gaussian_noise(clean, torch.tensor([5 / 255, 20 / 255]), seeded())
    deviations = (noisy - clean).flatten(1).std(dim=1) * 255
    assert deviations.tolist() == pytest.approx([5, 20], rel=0.03)


def test_shared_noise_is_one_noise_of_the_same_strength():
    clean = torch.full((2, 3, 128, 128), 0.5)
    noisy = add_gaussian_noise(clean, 20 / 255, seeded(), shared=torch.tensor([True, False]))
    assert is_gray(noisy).tolist() == [True, False]
    deviations = (noisy - clean).flatten(1).std(dim=1).mul(255)
    assert deviations.tolist() == pytest.approx([20, 20], rel=0.03)


def test_a_seed_repeats_noise_and_another_does_not():
    clean = torch.full((1, 3, 16, 16), 0.5)
    first = add_gaussian_noise(clean, 0.1, seeded(3))
    torch.rand(7)  # the global generator has no say
    assert torch.equal(first, add_gaussian_noise(clean, 0.1, seeded(3)))
    assert not torch.equal(first, add_gaussian_noise(clean, 0.1, seeded(4)))


@pytest.mark.parametrize("kernel_size", [3, 7, 25])
def test_blur_is_scipys_convolution(kernel_size, random_image):
    image = random_image(21, 34, batch=2)
    kernels = torch.rand(2, kernel_size, kernel_size, generator=seeded())  # no symmetry at all
    kernels = kernels / kernels.sum(dim=(1, 2), keepdim=True)
    blurred = blur(image, kernels)
    for index in range(2):
        for channel in range(3):
            expected = scipy.ndimage.convolve(
                image[index, channel].double().numpy(),
                kernels[index].double().numpy(),
                mode="nearest",
            )
            np.testing.assert_allclose(blurred[index, channel].numpy(), expected, atol=2e-6)


def test_one_kernel_blurs_every_image(random_image):
    image = random_image(12, 12, batch=2)
    kernel = motion_kernel(7, 0.3)
    torch.testing.assert_close(blur(image, kernel), blur(image, torch.stack([kernel, kernel])))


def test_blur_and_noise_is_one_after_the_other(random_image):
    image, kernel = random_image(20, 20), gaussian_kernel(1.6)
    both = blur_and_noise(image, kernel, 0.05, seeded(1))
    assert torch.equal(both, add_gaussian_noise(blur(image, kernel), 0.05, seeded(1)))
    assert is_8_bit(both)


KERNELS = {
    "gaussian": gaussian_kernel(1.6),
    "ellipse": gaussian_kernel(2.5, 0.8, 0.6),
    "motion": motion_kernel(9, 0.5),
    "longest motion": motion_kernel(17, 0.7),
    "curve": motion_kernel(15, 2.0, 0.8),
    "defocus": defocus_kernel(3.0),
    **{f"random {seed}": random_blur_kernel(seeded(seed)) for seed in range(40)},
}


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_are_normalized_and_centered(name):
    kernel = KERNELS[name]
    assert kernel.shape == (BLUR_KERNEL_SIZE, BLUR_KERNEL_SIZE)
    assert kernel.min() >= 0
    assert kernel.sum().item() == pytest.approx(1, abs=1e-5)
    center, _ = moments(kernel)
    assert center.tolist() == pytest.approx([0, 0], abs=0.01), "a blur must not shift a picture"


@pytest.mark.parametrize("sigma", [1.0, 1.6, 2.4])
def test_gaussian_second_moments(sigma):
    _, spread = moments(gaussian_kernel(sigma))
    np.testing.assert_allclose(spread.numpy(), np.eye(2) * sigma**2, rtol=2e-3, atol=1e-6)


def test_elliptic_gaussian_second_moments():
    long, short, angle = 2.4, 1.2, 0.6
    _, spread = moments(gaussian_kernel(long, short, angle))
    # In (y, x): the long axis points to (sin, cos) of the angle.
    axes = np.array([[math.sin(angle), math.cos(angle)], [math.cos(angle), -math.sin(angle)]])
    expected = axes.T @ np.diag([long**2, short**2]) @ axes
    np.testing.assert_allclose(spread.numpy(), expected, rtol=5e-3)


@pytest.mark.parametrize("length", [5, 9, 17])
@pytest.mark.parametrize("angle", [0.0, 0.5, math.pi / 2])
def test_straight_motion_has_its_length_and_heading(length, angle):
    _, spread = moments(motion_kernel(length, angle))
    along = torch.tensor([math.sin(angle), math.cos(angle)], dtype=torch.float64)
    across = torch.tensor([along[1], -along[0]])
    # A uniform line has variance length^2 / 12; sharing points between cells adds up to 1 / 4.
    assert (along @ spread @ along).item() == pytest.approx(length**2 / 12, abs=0.26)
    assert 0 <= (across @ spread @ across).item() < 0.26


def test_curved_motion_leaves_the_straight_line():
    _, straight = moments(motion_kernel(15, 0.0))
    _, curved = moments(motion_kernel(15, 0.0, 2.0))
    assert curved[0, 0] > straight[0, 0] + 0.5  # it spreads across its heading
    assert curved[1, 1] < straight[1, 1]  # and gets less far


@pytest.mark.parametrize("radius", [1.5, 3.0, 4.0])
def test_defocus_has_the_area_of_its_disc(radius):
    kernel = defocus_kernel(radius)
    # Every cell of the plateau holds 1 / area.
    assert 1 / kernel.max().item() == pytest.approx(math.pi * radius**2, rel=0.06)
    reach = (kernel[BLUR_KERNEL_SIZE // 2] > 0).sum().item()
    assert 2 * radius - 1 <= reach <= 2 * radius + 2


def test_random_kernels_differ_and_repeat():
    drawn = [random_blur_kernel(seeded(seed)) for seed in range(40)]
    assert torch.equal(drawn[7], random_blur_kernel(seeded(7)))
    assert len({tuple(kernel.flatten().tolist()) for kernel in drawn}) == 40


@pytest.mark.parametrize("scale", [2, 4])
def test_downscale_is_pillows_bicubic(scale, photos, resize_with_pillow):
    for name, image in photos.items():
        smaller = bicubic_downsample_8bit(image, scale)
        expected = resize_with_pillow(image, (128 // scale, 128 // scale)).clamp(0, 1)
        # Rounding is all that lies between them, but for the borders, which Pillow cuts off.
        difference = (smaller - expected).abs()[..., 3:-3, 3:-3]
        assert difference.max() <= 0.501 / 255, name
        assert is_8_bit(smaller)


@pytest.mark.parametrize("scale", [2, 4])
def test_downscale_is_pillows_for_8_bit_pictures(scale, photo_pixels):
    # Half the contrast: Pillow clips between its two passes, which would show at overshoots.
    pixels = photo_pixels["astronaut"] // 2 + 64
    side = 128 // scale
    expected = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    levels = bicubic_downsample_8bit(image, scale)[0].permute(1, 2, 0).mul(255).numpy()
    # One level, since Pillow also rounds between its two passes.
    difference = np.abs(levels - np.asarray(expected, dtype=np.float32))[3:-3, 3:-3]
    assert difference.max() <= 1.001


def matlab_matrix(length, scale):
    """Weights of ``imresize`` along one axis, from its published definition."""
    weights = np.zeros((length // scale, length))
    for row in range(length // scale):
        center = (row + 0.5) * scale - 0.5
        taps = np.arange(np.floor(center - 2 * scale), np.ceil(center + 2 * scale) + 1)
        x = np.abs(taps - center) / scale
        cubic = np.where(x <= 1, 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2)
        cubic = np.where(x < 2, cubic, 0)
        for tap, weight in zip(taps.astype(int), cubic / cubic.sum(), strict=True):
            mirrored = tap % (2 * length)
            weights[row, min(mirrored, 2 * length - 1 - mirrored)] += weight
    return weights


@pytest.mark.parametrize(
    ("size", "scale"), [((24, 32), 2), ((16, 40), 4), ((4, 8), 4), ((2, 2), 2)]
)
def test_downscale_is_that_of_matlab_up_to_the_borders(size, scale):
    pixels = np.random.default_rng(0).uniform(0.2, 0.8, size)
    rows, columns = (matlab_matrix(length, scale) for length in size)
    expected = rows @ pixels @ columns.T
    image = torch.from_numpy(pixels).float().expand(1, 3, *size)
    assert (
        np.abs(bicubic_downsample_8bit(image, scale)[0, 1].numpy() - expected).max() <= 0.501 / 255
    )


def test_downscale_names_the_size_and_the_scale():
    with pytest.raises(ValueError, match="30 x 33 is not a multiple of 4"):
        bicubic_downsample_8bit(torch.zeros(1, 3, 30, 33), 4)


def test_a_share_of_the_images_is_compressed(photos):
    crop = photos["astronaut"][..., 40:88, 32:96]
    images = crop.expand(400, -1, -1, -1)
    worn = random_jpeg(images, seeded(), probability=0.25)
    changed = (worn != images).flatten(1).any(dim=1)
    assert changed.float().mean().item() == pytest.approx(0.25, abs=0.06)
    losses = (worn - images)[changed].square().flatten(1).mean(dim=1)
    # Pillow's own file at the two ends of the range.
    harshest, mildest = (
        (jpeg(crop, quality) - crop).square().mean().item() for quality in (60, 95)
    )
    assert mildest / 1.5 < losses.min() < losses.max() < harshest * 1.5
    assert torch.equal(worn, random_jpeg(images, seeded(), probability=0.25))


def test_blocks_begin_anywhere():
    """The rows at which a compressed ramp jumps tell where its blocks begin."""
    ramp = torch.linspace(0, 1, 48).view(1, 1, 48, 1).expand(60, 3, 48, 48)
    worn = random_jpeg(ramp, seeded(), probability=1, qualities=(5, 5))
    jumps = (worn.diff(dim=2) - ramp.diff(dim=2)).abs().mean(dim=(1, 3))
    starts = {int(row) % 8 for row in jumps[:, 8:-8].argmax(dim=1)}
    assert len(starts) > 4


def test_a_half_plane_is_zero_on_one_side_and_one_on_the_other():
    angles, offsets = torch.tensor([0.0, math.pi / 2]), torch.tensor([0.0, 0.25])
    left_right, upper_lower = half_plane_masks(40, 60, angles, offsets)[:, 0]
    assert left_right[:, :20].max() < 0.01
    assert left_right[:, 40:].min() > 0.99
    assert torch.allclose(left_right, left_right[:1])
    # The second lies a quarter of the shorter side below the middle.
    crossing = int((upper_lower[:, 0] > 0.5).nonzero()[0])
    assert crossing == 30
    quarters = ((left_right[0] > 0.25) & (left_right[0] < 0.75)).sum()
    assert quarters == pytest.approx(4, abs=1)


def test_two_parts_get_two_blurs(photos):
    clean, wide = photos["coffee"], gaussian_kernel(3.0)
    sides = half_plane_masks(128, 128, torch.zeros(1), torch.zeros(1))
    blurred = blend_two_blurs(clean, IDENTITY_KERNEL, wide, sides)
    assert torch.allclose(blurred[..., :50], clean[..., :50], atol=1e-3)
    assert torch.allclose(blurred[..., 78:], blur(clean, wide)[..., 78:], atol=1e-3)
