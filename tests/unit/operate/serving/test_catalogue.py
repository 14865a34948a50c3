"""The table of models: ours is right, a wrong one is refused in one line."""

from __future__ import annotations

import re

import pytest

from logicnet.errors import SettingsError
from logicnet.operate.serving.catalogue import OURS, ModelCatalogue, load

DOCUMENTED = {
    "Qwen/Qwen2-7B-Instruct": 24,
    "mistralai/Mistral-7B-Instruct-v0.1": 24,
    "Qwen/Qwen-7B-Chat": 24,
    "baichuan-inc/Baichuan2-13B-Chat": 32,
    "meta-llama/Llama-2-13b-hf": 32,
    "tiiuae/falcon-40b": 75,
    "mistralai/Mixtral-8x7B-Instruct-v0.1": 92,
}


@pytest.fixture(scope="module")
def ours() -> ModelCatalogue:
    return load()


def test_the_seven_of_the_documents_are_in_it(ours):
    found = {model.name: model.documented_vram_gb for model in ours.models if model.documented_vram_gb}
    assert found == DOCUMENTED


@pytest.mark.parametrize("model", load().models, ids=lambda model: model.name)
def test_parameters_follow_from_the_shapes(model):
    assert model.counted_parameters == pytest.approx(model.parameters, rel=0.01)


def test_every_model_has_source_license_and_specialisation(ours):
    assert all(model.source and model.license and model.specialisation for model in ours.models)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("qwen/qwen3-8b", "Qwen/Qwen3-8B"),
        ("Qwen3-8B", "Qwen/Qwen3-8B"),
        ("gpt-oss-20", "openai/gpt-oss-20b"),
    ],
)
def test_a_name_may_be_short(ours, name, found):
    assert ours.find(name).name == found


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Distill-Qwen", "may be any of deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"),
        ("gpt-oss", "may be any of openai/gpt-oss-20b, openai/gpt-oss-120b"),
        ("Qwen2.5-7B", "is a base model, not tuned to answer: give Qwen/Qwen2.5-7B-Instruct"),
        ("Llama-3.3-70B", "is a base model"),
        ("Qwen/Qwen2.5-7B", "nothing is known"),
        ("nobody/Nothing-1B", "give MAKER/MODEL of the hub, a folder that has a config.json"),
        ("", "nothing is known"),
    ],
)
def test_a_name_that_says_no_model_is_refused(ours, name, said):
    with pytest.raises(SettingsError, match=said):
        ours.find(name)


def test_poor_models_are_named_by_pattern(ours):
    picky = ModelCatalogue(ours.models, ("*/qwen-7b-chat",))
    assert [model.name for model in ours.models if picky.is_poor(model)] == ["Qwen/Qwen-7B-Chat"]


@pytest.mark.parametrize("model", load().models, ids=lambda model: model.name)
def test_a_model_that_is_planned_has_accuracies_for_what_it_does(model):
    if not model.answers or model.vllm_until:
        return
    assert model.accuracy(model.thinks)
    for accuracy in filter(None, (model.plain, model.thinking)):
        assert (
            0 < accuracy.logic <= accuracy.math + 10 <= accuracy.gsm8k + 20
        )  # logic is hardest, GSM8K easiest
        assert accuracy.source != "family" or {"gsm8k", "math", "logic"} <= set(accuracy.estimated)


def test_the_shape_of_another_entry_may_be_taken_over(ours):
    distilled, tuned = ours.find("Distill-Qwen-7B"), ours.find("Qwen2-7B-Instruct")
    assert distilled.counted_parameters == tuned.counted_parameters
    assert (distilled.context, tuned.context) == (131_072, 32_768)  # what an entry says itself wins


@pytest.mark.parametrize(
    ("name", "kin"),
    [
        ("RedHatAI/Qwen3-8B-quantized.w4a16", "Qwen/Qwen3-8B"),
        ("/models/DeepSeek-R1-Distill-Qwen-14B-AWQ/", "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B"),
        ("someone/Qwen3-4B-Instruct-2507-FP8", "Qwen/Qwen3-4B-Instruct-2507"),
        ("Qwen/Qwen3-8B-Base", None),
        ("someone/unheard-of", None),
    ],
)
def test_a_checkpoint_of_another_maker_has_the_accuracies_of_its_model(ours, name, kin):
    bare = ours.find("Qwen3-8B").model_copy(update={"name": name, "plain": None, "thinking": None})
    found = ours.with_accuracy(bare)
    expected = ours.find(kin) if kin else bare
    assert (found.plain, found.thinking) == (expected.plain, expected.thinking)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (
            lambda text: text.replace('like = "Qwen/Qwen2-7B-Instruct"', 'like = "nobody"', 1),
            "like = 'nobody' names no entry",
        ),
        (lambda text: text.replace("gsm8k = 85.7", "gsm8k = 857", 1), "gsm8k: .*less than or equal to 100"),
        (lambda text: text.replace("window_layers = 12", "window_layers = 25", 1), "window_layers are more"),
        (
            lambda text: text.replace("layers = 28", 'layers = "28"', 1),
            r"model 1 .*, layers: must be a whole number",
        ),
        (lambda text: text.replace("layers = 28", "layers = 0", 1), r"model 1 .*, layers: .*greater than 0"),
        (
            lambda text: text.replace("layers = 28", "layer = 28", 1),
            r"layer: is unknown; did you mean layers",
        ),
        (lambda text: text.replace("kv_heads = 4", "kv_heads = 5", 1), r"model 1 .*: .*multiple of kv_heads"),
        (
            lambda text: text.replace("parameters_b = 7.", "parameters_b = 7000.", 1),
            "but its shapes give",
        ),
        (lambda text: re.sub("parameters_b = .*", "parameters_b = inf", text, count=1), "finite number"),
        (
            lambda text: re.sub('name = "mistralai/Mistral-7B.*"', 'name = ""', text),
            "model 2, name: is empty",
        ),
        (lambda text: text + text[text.index("[[models]]") :], "is in it twice"),
        (lambda text: text.replace("[[models]]", "[[models", 1), "not TOML"),
        (lambda _: "", "models: is missing"),
    ],
)
def test_a_table_edited_wrongly_is_one_line(tmp_path, edit, said):
    file = tmp_path / "mine.toml"
    file.write_text(edit(OURS.read_text()))
    with pytest.raises(SettingsError, match=said) as error:
        load(file)
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_table_that_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(SettingsError, match=r"cannot be read .No such file"):
        load(tmp_path / "nowhere.toml")
    (tmp_path / "latin").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not UTF-8"):
        load(tmp_path / "latin")
