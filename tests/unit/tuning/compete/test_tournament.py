"""A validator's arguments become a training of files in its cache."""

from pathlib import Path

import pytest

from logicnet.errors import SettingsError, TuningError
from logicnet.tuning.compete.tournament import TournamentTask
from logicnet.tuning.spec import ChatType, CustomType, DpoType, GrpoType, ImageType

COLUMNS = (
    '{"system_prompt": "", "system_format": "{system}", "field_system": null, "field_instruction": "q", '
    '"field_input": null, "field_output": "a", "format": null, "no_input_format": null, "field": null}'
)
DPO = '{"field_prompt": "p", "field_system": null, "field_chosen": "c", "field_rejected": "r"}'
CHAT = '{"chat_template": "chatml", "chat_column": "conversations", "chat_role_field": "from"}'
GRPO = (
    '{"field_prompt": "p", "reward_functions": [{"reward_func": "def f(completions, **_): return [1.0]", '
    '"reward_weight": 2.0, "func_hash": "ab", "is_generic": true, "is_manual": null, "reward_id": "x"}]}'
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "cache" / "models" / "maker--model").mkdir(parents=True)
    (tmp_path / "cache" / "datasets").mkdir()
    for name in ("t1_train_data.json", "t1_tourn.zip"):
        (tmp_path / "cache" / "datasets" / name).touch()
    return tmp_path


def text(root: Path, **other: object) -> TournamentTask:
    given = {
        "task_id": "t1",
        "model": "maker/model",
        "dataset": "https://bucket.s3.amazonaws.com/rows.json?X-Amz-Signature=1",
        "dataset_type": COLUMNS,
        "task_type": "InstructTextTask",
        "file_format": "s3",
        "expected_repo_name": "repo-1",
        "hours_to_complete": 2.0,
        "root": root,
    }
    return TournamentTask.parse({key: value for key, value in (given | other).items() if value is not None})


@pytest.mark.parametrize(
    ("task_type", "columns", "kind", "task"),
    [
        ("InstructTextTask", COLUMNS, CustomType, "sft"),
        ("DpoTask", DPO, DpoType, "dpo"),
        ("ChatTask", CHAT, ChatType, "chat"),
        ("GrpoTask", GRPO, GrpoType, "grpo"),
        ("InstructTextTask", '{"field": "body"}', CustomType, "pretrain"),
    ],
)
def test_a_text_task_is_trained_on_the_cached_files(root, task_type, columns, kind, task):
    asked = text(root, task_type=task_type, dataset_type=columns)
    spec = asked.spec()
    assert (spec.model, spec.model_name) == (f"{root}/cache/models/maker--model", "maker/model")
    assert spec.dataset == f"{root}/cache/datasets/t1_train_data.json"
    assert (spec.file_format, spec.hours, spec.task) == ("json", 2.0, task)
    assert isinstance(spec.dataset_type, kind)
    assert asked.out == root / "app" / "checkpoints" / "t1" / "repo-1"


@pytest.mark.parametrize(("given", "family"), [("sdxl", "sdxl"), ("Flux", "flux"), (None, "sdxl")])
def test_an_image_task_is_trained_on_the_cached_zip(root, given, family):
    asked = text(
        root, dataset=None, dataset_type=None, task_type=None, dataset_zip="https://x/y.zip", model_type=given
    )
    spec = asked.spec()
    assert spec.dataset == f"{root}/cache/datasets/t1_tourn.zip"
    assert isinstance(spec.dataset_type, ImageType)
    assert spec.dataset_type.image_family == family


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"task_id": None}, "--task-id is missing"),
        ({"task_id": "../../etc"}, "--task-id '../../etc': not a file's name"),
        ({"expected_repo_name": "a/b"}, "--expected-repo-name 'a/b': not a file's name"),
        ({"model": None}, "--model is missing"),
        ({"task_type": None}, "--task-type is missing"),
        ({"task_type": "EnvTask"}, "--task-type 'EnvTask': takes InstructTextTask, ChatTask"),
        ({"dataset_type": "{"}, "--dataset-type: this is not JSON"),
        ({"dataset_type": "[1]"}, "--dataset-type: takes a JSON object"),
        ({"dataset_type": DPO}, "these are the columns of dpo, not of a InstructTextTask"),
        ({"dataset_type": '{"wrong": 1}'}, "--dataset-type"),
        ({"model_type": "qwen-image"}, "--model-type 'qwen-image': takes sdxl, flux"),
    ],
)
def test_what_a_validator_would_not_send_names_the_argument(root, other, said):
    with pytest.raises(SettingsError) as error:
        text(root, **other).spec()
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("task", "what"), [("t2", "dataset"), ("t1", "model")])
def test_what_is_not_in_the_cache_is_named(root, task, what):
    asked = text(root, task_id=task, model="maker/model" if what == "dataset" else "maker/other")
    with pytest.raises(TuningError, match=f"the {what} of task {task} is not in the cache: {root}/cache"):
        asked.spec()
