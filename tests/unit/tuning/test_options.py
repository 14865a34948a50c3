"""From flags and job files to what a job is asked to do."""

from pathlib import Path

import pytest

from logicnet.errors import SettingsError
from logicnet.tuning.options import EvaluateOptions, RunOptions
from logicnet.tuning.spec import CustomType

NAMED = {"model": "maker/model", "dataset": "rows.csv"}


def test_flags_make_a_spec_with_overrides():
    spec = RunOptions.parse(
        NAMED | {"lr": 1e-4, "batch_size": 8, "grad_accum": 2, "preset": "quick_test"}
    ).spec()
    assert (spec.model, spec.dataset, spec.file_format, spec.task) == (
        "maker/model",
        "rows.csv",
        "csv",
        "sft",
    )
    assert spec.overrides == {"lr": 1e-4, "batch": 8, "accumulate": 2}
    assert (spec.preset, spec.validation, spec.seed) == ("quick_test", 0.05, 42)


@pytest.mark.parametrize(
    ("dataset", "form"),
    [
        ("rows.JSONL", "jsonl"),
        ("a/b.json", "json"),
        ("https://host/rows.jsonl?x=1", "s3"),
        ("maker/dataset", "hf"),
        ("maker/data.v2", "hf"),
    ],
)
def test_the_format_is_that_of_the_datasets_name(dataset: str, form: str):
    assert RunOptions.parse(NAMED | {"dataset": dataset}).spec().file_format == form


def test_a_dataset_type_may_be_fields_as_json():
    fields = '{"field_instruction": "q", "field_output": "a"}'
    kind = RunOptions.parse(NAMED | {"dataset_type": fields}).spec().dataset_type
    assert isinstance(kind, CustomType) and (kind.field_instruction, kind.field_output) == ("q", "a")


def test_a_flag_wins_over_the_job_file(tmp_path: Path):
    file = tmp_path / "job.toml"
    file.write_text(
        'model = "a/b"\ndataset = "d.json"\ndataset_type = "alpaca"\nfile_format = "json"\nvalidation = 0.2\n'
        "[overrides]\nlr = 1e-5\nr = 8\n"
    )
    spec = RunOptions.parse({"lr": 1e-3, "model": "c/d"}).spec(file)
    assert (spec.model, spec.dataset_type, spec.validation) == ("c/d", "alpaca", 0.2)
    assert spec.overrides == {"lr": 1e-3, "r": 8}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "--model is missing"),
        ({"model": "a/b"}, "--dataset is missing"),
        (NAMED | {"dataset_type": "{nonsense"}, "--dataset-type: this is not JSON"),
        (NAMED | {"dataset_type": "novel"}, "--dataset-type 'novel'"),
        (NAMED | {"dataset_type": '{"field_output": "a"}'}, "needs field_instruction"),
        (NAMED | {"file_format": "exe"}, "--file-format 'exe'"),
    ],
)
def test_what_is_wrong_is_named_in_a_line(given: dict[str, str], words: str):
    with pytest.raises(SettingsError) as error:
        RunOptions.parse(given).spec()
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model = ", "is not TOML"),
        (
            'dataset = "d.csv"\nmdl = "a/b"\nmodel = "a/b"\ndataset_type = "alpaca"\nfile_format = "csv"',
            "mdl",
        ),
        (
            'dataset = "d.csv"\nmodel = "a/b"\ndataset_type = "alpaca"\nfile_format = "csv"\nhours = -1',
            "hours",
        ),
    ],
)
def test_a_job_file_that_is_wrong_is_named_with_its_field(tmp_path: Path, text: str, words: str):
    file = tmp_path / "job.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=words) as error:
        RunOptions.parse({}).spec(file)
    assert str(file) in str(error.value)


def test_an_evaluation_needs_the_original():
    with pytest.raises(SettingsError, match="--original is missing"):
        EvaluateOptions.parse(NAMED).request()
    request = EvaluateOptions.parse(NAMED | {"original": "a/base", "rows": 5}).request()
    assert (request.original_model, request.rows, request.dataset_type) == ("a/base", 5, "instruct")
