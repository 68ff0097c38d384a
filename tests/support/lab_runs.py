"""Runs of the lab for its tests: what PyTorch makes of one, and random ones."""

import numpy as np
import torch
import torch.nn.functional as F

from deconv_demo.ui.lab.presets import Run


def torch_output(run):
    x, kernel = (torch.tensor(rows, dtype=torch.float64) for rows in (run.x, run.kernel))
    return F.conv_transpose2d(x[None, None], kernel[None, None], **run.settings)[0, 0].numpy()


def number(text):
    return float(text.replace("\u2212", "-"))


def random_runs(count):
    generator = np.random.default_rng(0)
    found = []
    while len(found) < count:
        x = generator.normal(size=[generator.integers(2, 9)] * 2).round(3)
        kernel = generator.normal(size=[generator.integers(1, 6)] * 2).round(3)
        names = {"stride": (1, 5), "padding": (0, 7), "output_padding": (0, 4), "dilation": (1, 4)}
        settings = {name: int(generator.integers(*ends)) for name, ends in names.items()}
        try:
            run = Run(x=tuple(map(tuple, x)), kernel=tuple(map(tuple, kernel)), **settings)
        except ValueError:
            continue
        found.append(run)
    return found
