"""What the model card says in words, with the shares that training really uses."""

from deconv_demo.degradations import (
    APART_PROB,
    FILE_PROB,
    GRAIN_PROB,
    GRAY_PROB,
    HIGH_QUALITIES,
    JPEG_PROB,
    LOW_QUALITIES,
    LOW_QUALITY_PROB,
    MAX_FAINT_SIGMA,
    MISREAD_PROB,
    MONOCHROME_PROB,
    NOISE_PROB,
    NOISELESS_PROB,
    PLAIN_PROB,
    QUALITIES,
    RESIZED_PROB,
    SECOND_JPEG_PROB,
    SHARED_NOISE_PROB,
    SHARPENED_PROB,
    SHOT_RANGE,
    SMOOTHED_PROB,
    SUBSAMPLED_PROB,
)
from deconv_demo.tasks import TASKS
from deconv_demo.training.blur_estimator import BLUR_SPEC
from deconv_demo.training.calibration import PICTURES
from deconv_demo.training.noise_estimator import (
    CLEAN_PART_PROB,
    CLEAN_PROB,
    COARSE_PROB,
    DIM_PROB,
    DRAWN_PROB,
    JPEG_AFTER_PROB,
    JPEG_BEFORE_PROB,
    LEVELED_PROB,
    MAX_LEVEL,
    NOISE_SPEC,
    TONED_PROB,
)

HEAD = """---
license: mit
library_name: pytorch
tags: [image-restoration, denoising, deblurring, super-resolution, transposed-convolution]
---

# Weights of Deconv Lab

Five small networks whose feature maps are enlarged by transposed convolutions alone, each with a
kernel that is a multiple of its stride, so that every output pixel gets the same number of
contributions; what the upscalers make is added to a bicubic enlargement. Three more, without any,
read the blur of a picture for the deblurrer, its noise for the denoiser and the quality of its file
for the remover of JPEG artifacts, and six tiny ones are for lessons. float16 safetensors;
`deconv_demo/tasks` builds the network of each task, whose file carries network, recipe and training
runs in its header. `ranges.safetensors` says how far the numbers inside them reach, for running
them in 8 bits. All that is measured below was written by the commands of
`python -m deconv_demo.training`, and this page by its `card`.
"""

CURVES = """## How training went

![Validation PSNR of each network by minute of training](curves.svg)

A dot is where a run ended. A run that starts higher or lower than the last one ended is judged on
other degradations: from then on the upscalers and the deblurrer are also evaluated on JPEG files,
the denoiser on grey pictures, and later on the noise of cameras. Earlier runs are counted up to
their best weights, the last ones as a whole; runs that brought nothing better are not counted.
"""


def tail() -> str:
    """Return the sections on measuring, data and limits."""
    recipe, noise = TASKS["deblur"].recipe, NOISE_SPEC.recipe
    return f"""
## How it was measured

PSNR in dB and SSIM (11 × 11 Gaussian window, as in Wang et al. 2004), the mean over as many
pictures as each section says. They are the ones by which training chose between weights (by the
middle 256 × 256 pixels of each), so that new pictures may come out a little worse. Published test
sets were not at hand; `evaluate --data FOLDER` measures any of them in the same way.

Everything runs through the function `enhance` as the page calls it, on 8-bit pictures: noise is
clipped and rounded before a network sees it. RGB for denoise and deblur; for JPEG and the upscales
the Y channel of BT.601, a border of one pixel or of `scale` pixels cut off. *degraded* is the
damaged picture, for an upscale with its pixels repeated. *classical* is, for denoise, wavelet
shrinkage (BayesShrink) told the noise; for deblur, on each picture the best of nine unsharp masks
chosen with the truth in hand; for JPEG files the mean of the picture saved again with its blocks at
16 other places (Nosratinia 2001), told the quality; for the upscales, bicubic. Of a camera's noise,
*network* and *classical* get the rms as sigma. Deblur is blind; its inputs carry noise of 2.55 /
255. What a method can do that knows the blur is shown beside it: a Wiener filter with a Laplacian
regulariser, at the best of four balances on each picture; and the same filter with the blur that
was estimated: what `blur_reader` found, a shake of any shape, or none, whichever the picture itself
speaks for.

*network* is what `enhance` gives in the numbers named under each table (`evaluate --dtype`). Left
to itself it takes bfloat16 where the processor has it, else float32, but for the convolutions of
the residual blocks, which are in whole numbers of 8 bits where the processor is fast at those
(VNNI); *network in float32* stands beside the latter. Each channel's range was measured on
{PICTURES} of the photographs; a part of a picture that reaches far beyond (chessboards and noise of
full contrast do) is done in float32.

## Data

Trained on 497 photographs whose licences allow it: public domain and CC0 (79 pictures), CC BY
(56), CC BY-SA (227), Unsplash and Pexels licences (135); chosen between on 24 others. No picture
of a test set for restoration is among them; some are from sets for compression (CLIC, CID22,
CQ100). The photographs themselves are not part of this repository.

Training sees random crops of the photographs in the eight flips and rotations, half of them (in the
last runs of each network) made up to two times smaller first, by antialiased bicubic interpolation,
degraded anew each time. The denoiser's get noise of 0 to 55 / 255, clipped and rounded
({_percent(GRAY_PROB)} of the crops are made grey and get one noise for all channels, as do
{_percent(SHARED_NOISE_PROB)} of the others); in its last run this was {_percent(PLAIN_PROB)} of
them. {_percent(GRAIN_PROB)} had noise that is coarse, common to the channels or stronger in one,
{_percent(NOISELESS_PROB)} had none, and the others were photographed: taken back to a sensor
(Brooks et al. 2019), given shot noise of variance {SHOT_RANGE[0]:g} to {SHOT_RANGE[1]:g} and the
read noise that goes with it behind a Bayer mosaic, and developed; the ground truth goes the same
way without noise. {_percent(SMOOTHED_PROB)} of these were smoothed as cameras do,
{_percent(MONOCHROME_PROB)} made black-and-white, {_percent(SHARPENED_PROB)} sharpened,
{_percent(RESIZED_PROB)} resized, {_percent(FILE_PROB)} saved as JPEG of quality {QUALITIES[0]} to
{QUALITIES[1]}, some of them twice. The remover of JPEG artifacts gets files of quality
{LOW_QUALITIES[0]} to {HIGH_QUALITIES[1]}, {_percent(LOW_QUALITY_PROB)} of them up to
{LOW_QUALITIES[1]}, in 4:2:0 ({_percent(SUBSAMPLED_PROB)}) and 4:4:4, their blocks anywhere;
{_percent(SECOND_JPEG_PROB)} go on into another file, and so on; it is told the level of the worst
of them, {_percent(MISREAD_PROB)} of the time a little wrongly. It began with the
weights of the denoiser; half of its loss is on Y. The other
networks' crops get Gaussian blur of 0.4 to 3.0 pixels, straight and curved motion of 1 to 17
pixels, discs of radius 0.5 to 4, each with noise of 0 to 5 / 255; antialiased bicubic downscaling.
Of what the deblurrer is given {_percent(JPEG_PROB + NOISE_PROB)} comes from a JPEG file of quality
60 to 95, its blocks anywhere; of what the upscalers are given {_percent(JPEG_PROB)} does, and
{_percent(NOISE_PROB)} has noise of up to {MAX_FAINT_SIGMA * 255:.0f} / 255. The deblurrer's crops
are cut from squares of {recipe.patch + recipe.context} pixels, off which the blur is read that
their guide undoes; in its last runs {_percent(APART_PROB)} of them had two blurs on two sides of a
line, or one and none. Half of its batches, in its last run, are shakes: paths of 5 to 29 pixels at
changing speed, of which the guide undoes not the true kernel but what the search for a shake had
found of it on such a picture. What ships is 0.35 of the
weights after that run and 0.65 of those before it: all of it cost 0.1 to 0.2 dB on other blurs.
The blur reader learns on the brightness of crops of
{BLUR_SPEC.recipe.patch} pixels, a third of them blurred by long and mostly bent motion. The noise
reader learns on noise of 0 to {MAX_LEVEL} / 255 ({_percent(CLEAN_PROB)} have none) on crops of
{noise.patch} pixels, {_percent(noise.grey_share)} of them in grey (30 % before its sixth run),
{_percent(TONED_PROB)} of those toned with their noise, as old prints are (since that run),
{_percent(noise.reduced_share)} of them made smaller first: {_percent(COARSE_PROB)} get noise of a
coarser grain, {_percent(DRAWN_PROB)} are print, shapes, patterns and large pixels made at random,
some only in part (15 % and no large pixels before its fifth run), {_percent(LEVELED_PROB)} are
reduced to few levels (since that run), {_percent(DIM_PROB)} are made darker,
{_percent(JPEG_BEFORE_PROB)} come from a JPEG file before noise is added,
{_percent(JPEG_AFTER_PROB)} go through one afterwards, and {_percent(CLEAN_PART_PROB)} get a frame,
a band or a spot without noise, which must not mislead it.

## On real photographs

Benchmark cases are made from clean pictures, and what is made can be unlike what happens. Some
sets hold real damage, or damage as it was recorded, each with its ground truth; none of
them was at hand when these weights were trained and chosen. Anyone can measure them:

- CC (Nam et al. 2016, "A Holistic Approach to Cross-Channel Image Noise Modeling"): 15 crops, three
  cameras at ISO 1600 to 6400, the truth a mean of 500 shots.
- PolyU (Xu et al. 2018): 100 crops of JPEG files of five cameras,
  `PolyU-Real-World-Noisy-Images-Dataset` on GitHub.
- Eight recorded shakes of 13 to 27 pixels, to blur photos with (Levin et al. 2009, "Understanding
  and Evaluating Blind Deconvolution Algorithms").
- LIVE1 (Sheikh et al. 2006, University of Texas): 29 photos, to be saved as JPEG of quality 10, 20
  and 40.

```bash
.venv/bin/python -m deconv_demo.training pairs denoise --degraded CC/real --truth CC/mean
.venv/bin/python -m deconv_demo.training pairs deblur --degraded blurred --truth sharp --shift 4
.venv/bin/python -m deconv_demo.training pairs jpeg --degraded live1_q10 --truth live1 --luma
```

It runs blind, as a visitor gets it, and counts the pictures that came out worse. The simulation by
which the weights were chosen instead is `deconv_demo/degradations/photographs.py` (noise) and
`random_shake_kernel` (shakes); its cases are in the tables above.

## What they were not trained for

Strong JPEG compression, noise in blotches or stripes, scratches, several damages at once,
drawings and text. One blur is read for the
whole picture; where its halves are blurred in two ways none is believed, and the deblurrer gains
little; where the difference lies within a half it
is not noticed, and can do harm. In a sharp picture mostly no blur is found, and then only places
whose edges are soft are changed. Files that were enlarged after they were saved have blocks of
other sizes, which are not removed. Of noise
of 10 / 255 the upscalers make strokes: up to 2.3 dB below bicubic on three photographs of
scikit-image, where denoising first is 1.7 to 3.7 dB above it. They sharpen what is there and
do not invent faces or letters. Not for diagnosis, evidence or measurement: what looks like detail
is a guess from other pictures.
"""


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
