"""The flags of the competition miner, as its documents have them."""

from pathlib import Path

import pytest

from logicnet.errors import SettingsError
from logicnet.tuning.compete.mine_options import MineOptions
from logicnet.tuning.spec import CustomType

ROWS = {"dataset_repo_id": "maker/rows"}


def options(**given: object) -> MineOptions:
    return MineOptions.parse(given)


@pytest.mark.parametrize(
    ("given", "start"),
    [
        ({"load_best": True}, "load_best"),
        ({"load_uid": 0}, "load_uid"),
        ({"load_model_dir": Path("models/a")}, "load_model_dir"),
        ({"load_repo": "maker/model", "download_repo_latest_commit": "0" * 40}, "load_repo"),
    ],
)
def test_one_of_four_models_is_started_from(given, start):
    assert options(**given).start == start


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "no model to start from: give one of --load_best, --load_uid, --load_model_dir, --load_repo"),
        ({"load_best": True, "load_uid": 0}, "--load_best and --load_uid are given: give one of"),
        (
            {"load_best": True, "download_repo_latest_commit": "0" * 40},
            "--download_repo_latest_commit is the commit of a --load_repo",
        ),
    ],
)
def test_none_or_several_are_an_error(given, said):
    with pytest.raises(SettingsError) as error:
        _ = options(**given).start
    assert said in str(error.value)


@pytest.mark.parametrize("commit", ["main", "v1.0", "0" * 39, "G" * 40, f"{'0' * 40}\n"])
def test_a_branch_is_no_commit(commit):
    with pytest.raises(
        SettingsError, match="takes the commit's 40 hex digits, not a branch or a tag"
    ) as error:
        _ = options(load_repo="maker/model", download_repo_latest_commit=commit).commit
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"avg_loss_upload_threshold": 1.0}, "--hf_repo_id is missing: takes NAMESPACE/NAME"),
        ({"hf_repo_id": "name", "avg_loss_upload_threshold": 1.0}, "--hf_repo_id 'name' is no repository"),
        ({"hf_repo_id": "me/name"}, "--avg_loss_upload_threshold is missing"),
    ],
)
def test_an_upload_needs_a_repository_and_a_threshold(given, said):
    with pytest.raises(SettingsError) as error:
        options(**given).upload_to()
    assert said in str(error.value)
    assert "--offline" in str(error.value)


def test_cortex_says_that_its_source_is_gone_and_takes_an_export():
    with pytest.raises(SettingsError, match=r"--use_cortex: the public project .* is gone; name an export"):
        options(use_cortex=True).check_rows()
    given = options(use_cortex=True, dataset_repo_id="export.jsonl", cortex_samples_per_epoch=500)
    spec = given.spec(Path("base"), "maker/base", network=False)
    assert isinstance(spec.dataset_type, CustomType)
    assert (spec.dataset_type.field_instruction, spec.dataset_type.field_output) == ("prompt", "response")
    assert (spec.file_format, spec.rows) == ("jsonl", 500)


def test_without_rows_nothing_is_begun():
    with pytest.raises(SettingsError, match="--dataset_repo_id is missing"):
        options(load_best=True).check_rows()


def test_what_is_trained_is_what_the_flags_say():
    numbers = {"num_epochs": 1.0, "accumulation_steps": 32, "attn_implementation": "eager", "max_steps": 5}
    given = options(**ROWS, **numbers, device="cuda:1", preset="mtup", seed=3)
    spec = given.spec(Path("/models/base"), "maker/base", network=True)
    assert (spec.model, spec.model_name, spec.dataset, spec.file_format) == (
        *("/models/base", "maker/base", "maker/rows", "hf"),
    )
    assert isinstance(spec.dataset_type, CustomType)
    assert (spec.dataset_type.field_instruction, spec.dataset_type.field_output) == ("question", "response")
    assert spec.overrides == {"epochs": 1.0, "accumulate": 32, "attention": "eager", "max_steps": 5}
    assert (spec.device, spec.preset, spec.seed, spec.network) == ("cuda:1", "mtup", 3, True)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"device": "gpu"}, "--device 'gpu'"),
        ({"device": "cuda:-1"}, "--device 'cuda:-1'"),
        ({"dataset_type": "{"}, "--dataset_type: this is not JSON"),
        ({"dataset_type": "nonsense"}, "--dataset-type"),
    ],
)
def test_a_wrong_value_names_its_flag(given, said):
    with pytest.raises(SettingsError) as error:
        options(**ROWS, **given).spec(Path("base"), "maker/base", network=False)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "given", [{"load_uid": -1}, {"avg_loss_upload_threshold": 0.0}, {"trials": 0}, {"num_epochs": -1.0}]
)
def test_a_number_out_of_range_names_its_flag(given):
    (name,) = given
    with pytest.raises(SettingsError, match=f"^--{name}: "):
        options(**given)
