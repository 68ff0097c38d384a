"""What a network computes in: asked of the processor, checked, and said."""

import pytest
import torch
from PIL import Image

from deconv_demo.networks import quantized
from deconv_demo.networks.quantized import (
    has_fast_int8,
)
from deconv_demo.networks.restorers import DeconvUpscaler
from deconv_demo.restoration import enhancement, precision
from deconv_demo.restoration.enhancement import enhance, enhance_by_tile, resolve_dtype_name
from deconv_demo.restoration.weights import load_model
from deconv_demo.tasks import TASKS


def test_other_kinds_of_numbers_are_refused():
    with pytest.raises(ValueError, match="float16"):
        list(enhance_by_tile(Image.new("RGB", (8, 8)), "upscale_x2", dtype=torch.float16))


def test_8_bits_are_not_used_where_they_go_wrong(monkeypatch):
    monkeypatch.setattr(precision, "has_fast_int8", lambda: False)
    form = precision.prepare_for_inference.__wrapped__
    _, dtype = form(load_model("upscale_x2"), torch.device("cpu"), torch.int8)
    assert dtype == torch.float32


@pytest.mark.parametrize("task_id", TASKS)
def test_what_is_wanted_is_what_it_is_computed_in(task_id):
    assert resolve_dtype_name(task_id, "float32") == "float32"
    assert resolve_dtype_name(task_id, "bfloat16") == "bfloat16"
    assert resolve_dtype_name(task_id, "int8") == ("int8" if has_fast_int8() else "float32")


def test_a_network_without_ranges_says_that_it_ran_in_float32(monkeypatch):
    model = DeconvUpscaler(channels=4, blocks=1, scale=2).eval()
    monkeypatch.setattr(enhancement, "load_model", lambda _: model)
    monkeypatch.setattr(enhancement, "inference_dtype", lambda _: torch.int8)
    assert enhance(Image.new("RGB", (8, 8)), "upscale_x2").facts["dtype"] == "float32"
    assert resolve_dtype_name("upscale_x2") == "float32"


@pytest.mark.parametrize(
    ("bfloat16", "vnni", "expected"),
    [
        (True, True, torch.bfloat16),
        (False, True, torch.int8),
        (False, False, torch.float32),
    ],
)
def test_the_processor_is_asked(monkeypatch, bfloat16, vnni, expected):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bfloat16)
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: vnni)
    monkeypatch.setattr(quantized, "_int8_is_correct", lambda: True)
    has_fast_int8.cache_clear()
    try:
        assert precision.inference_dtype(torch.device("cpu")) == expected
    finally:
        has_fast_int8.cache_clear()


def test_a_pytorch_that_lacks_the_operator_or_computes_it_wrongly_is_not_trusted(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: True)

    def lacking(*_args, **_options):
        raise AttributeError("no such operator")

    for convolve in (lacking, lambda _, levels: levels.float() * 0):
        monkeypatch.setattr(quantized._Int8Conv2d, "__call__", convolve)
        has_fast_int8.cache_clear()
        assert not has_fast_int8()
    monkeypatch.undo()
    has_fast_int8.cache_clear()
