"""The texts of the page: both languages say the same, and every error has its sentence."""

import ast
import json
import re
import string
from pathlib import Path

import pytest
import torch

import deconv_demo
from deconv_demo.networks.weight_files import WeightsError
from deconv_demo.pictures.errors import MESSAGES, PictureError
from deconv_demo.tasks import TASKS
from deconv_demo.ui.enhance.examples import EXAMPLES
from deconv_demo.ui.texts import LANGUAGES, error_sentence, preferred_language, text

PACKAGE = Path(deconv_demo.__file__).parent
STRINGS = {
    language: json.loads((PACKAGE / "locales" / f"{language}.json").read_text(encoding="utf-8"))
    for language in LANGUAGES
}
# English sentences for what is wrong with a picture stand in the code that raises them.
STRINGS["en"] |= {f"error.picture.{code}": message for code, message in MESSAGES.items()}


def placeholders(template):
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def examples_for(template):
    """A value for each placeholder; all can be shown as numbers."""
    return dict.fromkeys(placeholders(template), 7)


def test_every_language_is_a_file_and_every_file_a_language():
    assert {path.stem for path in (PACKAGE / "locales").glob("*.json")} == set(LANGUAGES)


@pytest.mark.parametrize("language", set(LANGUAGES) - {"en"})
def test_both_languages_have_the_same_keys_and_placeholders(language):
    assert STRINGS[language].keys() == STRINGS["en"].keys()
    for key, template in STRINGS[language].items():
        assert placeholders(template) == placeholders(STRINGS["en"][key]), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_string_can_be_filled_in_and_is_not_empty(language):
    for key, template in STRINGS[language].items():
        filled = template.format(**examples_for(template))
        assert filled.strip() == filled != "", key
        assert "{" not in filled, key


def test_chinese_is_chinese():
    same_on_purpose = {"page.title", "compare.actual"}
    for key, sentence in STRINGS["zh-CN"].items():
        assert re.search(r"[\u4e00-\u9fff]", sentence) or key in same_on_purpose, key


def test_chinese_has_one_word_for_one_thing():
    # Each of these has another word elsewhere on the page, or means something else.
    for word in ("步长", "您", "满分", "标准答案", "反卷积层"):
        assert not [key for key, sentence in STRINGS["zh-CN"].items() if word in sentence], word


def test_a_sentence_for_every_picture_error():
    for code, message in MESSAGES.items():
        error = PictureError(code, **examples_for(message))
        assert error_sentence("en", error) == message.format(**error.values)
        chinese = error_sentence("zh-CN", error)
        assert chinese == STRINGS["zh-CN"][f"error.picture.{code}"].format(**error.values)
        assert chinese.endswith("。")


@pytest.mark.parametrize("language", LANGUAGES)
def test_other_errors_show_nothing_of_this_computer(language):
    errors = {
        "error.weights": WeightsError("/srv/lab/weights/denoise.safetensors is cut"),
        "error.memory": MemoryError("/srv/lab"),
        "error.unexpected": OSError("/srv/lab/cache"),
    }
    for key, error in errors.items():
        assert error_sentence(language, error) == text(language, key)


def test_a_picture_too_large_for_the_memory_is_called_that():
    # What PyTorch raises when the memory of this computer does not suffice.
    error = RuntimeError(
        "[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: "
        "you tried to allocate 400000000000 bytes. Error code 12 (Cannot allocate memory)"
    )
    assert error_sentence("en", error) == text("en", "error.memory")
    # And what it raises for the memory of a graphics card.
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
    assert error_sentence("en", error) == text("en", "error.memory")


def test_language_of_the_browser():
    for header in ("zh", "zh-CN,zh;q=0.9", "ZH-tw", " zh-Hans-CN;q=1"):
        assert preferred_language(header) == "zh-CN"
    for header in ("", "en-US,zh;q=0.5", "de", "zu", "*"):
        assert preferred_language(header) == "en"


def test_tasks_and_examples_have_their_texts():
    for strings in STRINGS.values():
        assert {f"task.{task}" for task in TASKS} <= strings.keys()
        assert {f"task.short.{task}" for task in TASKS} <= strings.keys()
        assert {f"example.{example}" for example in EXAMPLES} <= strings.keys()


def test_no_string_is_left_over():
    """Every key stands in the code, as a whole or as an f-string that can become it."""
    whole, patterns = set(), []
    for path in (PACKAGE / "ui").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                whole.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = [
                    re.escape(part.value) if isinstance(part, ast.Constant) else r"[\w.-]+"
                    for part in node.values
                ]
                patterns.append(re.compile("".join(parts)))
    # Where a script takes all that is under a prefix, the tests of that script look after it.
    prefixes = tuple(part for part in whole if re.fullmatch(r"[a-z]+\.[a-z.]*\.", part))
    specific = [p for p in patterns if re.match(r"[a-z]+\\\.", p.pattern)]
    unused = {
        key
        for key in STRINGS["en"].keys() - whole
        if not key.startswith(prefixes) and not any(pattern.fullmatch(key) for pattern in specific)
    }
    assert unused == set()
