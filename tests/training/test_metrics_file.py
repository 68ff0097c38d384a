"""The file of measured numbers: nobody's part is lost, and what is no such file is said so."""

import json

import pytest

from deconv_demo.training.metrics_file import (
    MetricsFileError,
    add_to_report,
    prepare_report,
    read_report,
    write_report,
)


def test_what_was_written_meanwhile_is_kept(tmp_path):
    path = tmp_path / "metrics.json"
    add_to_report(path, {"psnr": 30.5}, "tasks", "denoise")
    # Another command, beside this one.
    path.write_text(json.dumps(read_report(path) | {"trials": [1, 2]}), encoding="utf-8")
    whole = add_to_report(path, {"psnr": 27.5}, "tasks", "deblur")
    assert whole == read_report(path)
    assert whole == {
        "tasks": {"denoise": {"psnr": 30.5}, "deblur": {"psnr": 27.5}},
        "trials": [1, 2],
    }


def test_preparing_leaves_nothing_behind_and_nothing_out(tmp_path):
    path = tmp_path / "new" / "folder" / "metrics.json"
    prepare_report(path)
    assert path.parent.is_dir()
    assert not path.exists()
    add_to_report(path, 1, "one")
    before = path.read_bytes()
    prepare_report(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", ["{cut", "[1, 2]", b"\xff\xfe\x00"])
def test_other_files_are_refused_and_stay(content, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = path.read_bytes()
    for function in (read_report, prepare_report, lambda file: add_to_report(file, 1, "one")):
        with pytest.raises(MetricsFileError, match=r"notes\.txt"):
            function(path)
    assert path.read_bytes() == before


def test_a_folder_is_no_report(tmp_path):
    for function in (read_report, prepare_report):
        with pytest.raises(MetricsFileError, match="another file"):
            function(tmp_path)


def test_numbers_that_json_does_not_know_are_refused(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_report({"psnr": float("inf")}, tmp_path / "metrics.json")
    assert not (tmp_path / "metrics.json").exists()
