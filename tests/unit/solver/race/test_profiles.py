"""Profiles: which is chosen for which model, and that every mistake in a file is one line that names it."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from logicnet.cli import main
from logicnet.errors import SettingsError
from logicnet.operate.demo.stage import hotkey, write_network
from logicnet.operate.serving.catalogue import Model
from logicnet.operate.serving.catalogue import load as catalogue
from logicnet.solver import Setup, load_solver
from logicnet.solver.race.profiles import Profile, SamplerProfile, load_profiles, profile_for
from logicnet.solver.race.trust import CHAT, WEAK
from tests.harness.quiet import logging_put_back

OWN = """[[profiles]]
name = "mine"
models = ["my-*"]
reason = { samples = 4, most = 8, temperature = 0.6, max_tokens = 600 }
program = { samples = 0, most = 2, temperature = 0.6, max_tokens = 400 }
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "profiles.toml"


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "small"),
        ("HuggingFaceTB/SmolLM-1.7B-Instruct", "small"),
        ("HuggingFaceTB/SmolLM3-3B", "thinking"),
        ("Qwen/Qwen2.5-0.5B-Instruct", "small"),
        ("Qwen/Qwen2.5-7B-Instruct", "chat"),
        ("meta-llama/Llama-3.1-8B-Instruct", "chat"),
        ("meta-llama/Llama-3.2-1B-Instruct", "small"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "thinking"),
        ("Qwen/QwQ-32B", "thinking"),
        ("Qwen/Qwen3-8B", "thinking"),
        ("Qwen/Qwen3-0.6B", "thinking"),
        ("Qwen/Qwen3-30B-A3B-Thinking-2507-FP8", "thinking"),
        ("Qwen/Qwen3-4B-Instruct-2507", "chat"),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507-FP8", "chat"),
        ("Qwen/Qwen3-Coder-Next", "chat"),
        ("openai/gpt-oss-20b", "thinking"),
        ("nvidia/OpenReasoning-Nemotron-7B", "thinking"),
        ("open-thoughts/OpenThinker3-7B", "thinking"),
        ("agentica-org/DeepScaleR-1.5B-Preview", "thinking"),
        ("XiaomiMiMo/MiMo-7B-RL", "thinking"),
        ("XiaomiMiMo/MiMo-7B-RL-0530", "thinking"),
        ("zai-org/GLM-Z1-9B-0414", "thinking"),
        ("qihoo360/Light-R1-14B-DS", "thinking"),
        ("Skywork/Skywork-OR1-7B", "thinking"),
        ("LGAI-EXAONE/EXAONE-Deep-7.8B", "thinking"),
        ("POLARIS-Project/Polaris-4B-Preview", "thinking"),
        ("simplescaling/s1.1-32B", "thinking"),
        ("deepseek-reasoner", "thinking"),
        ("r1-1776", "thinking"),
        ("AIDC-AI/Marco-o1", "thinking"),
        ("deepseek-chat", "chat"),
        ("a/model-rlhf-7b", "chat"),
        ("a/Non-Reasoning-8B", "chat"),
        ("upstage/SOLAR-10.7B-Instruct", "chat"),
        ("LiquidAI/LFM2-8B-A1B", "chat"),
        ("Qwen/Qwen2.5-7B-Instruct-1M", "chat"),
        ("Qwen/Qwen2.5-1.5B-Instruct", "chat"),
        ("gemma3-270m", "small"),
        ("gemma3:270m", "small"),
        ("google/gemma-3-1b-it", "small"),
        ("LiquidAI/LFM2-350M", "small"),
        ("qwen2.5:0.5b", "small"),
        ("something nobody has heard of", "chat"),
        ("", "chat"),
        (None, "chat"),
    ],
)
def test_a_model_has_the_profile_of_its_kind(model: str | None, name: str) -> None:
    assert profile_for(model, load_profiles()).name == name


@pytest.mark.parametrize(
    ("model", "thinks", "name"),
    [
        ("prod", True, "thinking"),
        ("gemma3-270m", True, "thinking"),
        ("Qwen/Qwen3-8B", False, "chat"),
        ("Qwen/Qwen3-0.6B", False, "small"),
        ("Qwen/Qwen3-8B", None, "thinking"),
        ("smollm2", False, "small"),
    ],
)
def test_what_a_model_does_outweighs_its_name(model: str, thinks: bool | None, name: str) -> None:
    assert profile_for(model, load_profiles(), thinks).name == name


@pytest.mark.parametrize("thinks", [True, False, None])
def test_the_operators_own_profile_is_not_corrected(file: Path, thinks: bool | None) -> None:
    file.write_text(OWN)
    assert profile_for("my-r1", load_profiles(file), thinks).name == "mine"


def test_the_word_of_earlier_versions_is_still_read(file: Path) -> None:
    file.write_text(OWN.replace("samples =", "lanes ="))
    earlier = load_profiles(file)
    file.write_text(OWN)
    assert earlier == load_profiles(file)


@pytest.mark.parametrize("model", catalogue().models, ids=lambda model: model.name)
def test_models_of_the_catalogue_are_asked_as_what_they_are(model: Model) -> None:
    """None of them is small, and their 4-bit checkpoints are asked alike."""
    for name in filter(None, (model.name, model.awq)):
        profile = profile_for(name, load_profiles())
        assert profile.thinking == model.thinks
        assert profile.name != "small"


@given(st.text(max_size=80))
def test_every_model_has_one(model: str) -> None:
    assert profile_for(model, load_profiles())


def test_ours_keep_their_promises() -> None:
    """Small models get worked examples and short texts, chat models none, thinking models a budget."""
    small, chat, thinking = (
        profile_for(name, load_profiles()) for name in ("smollm2-135m", "qwen2.5-7b", "deepseek-r1")
    )
    assert small.reason.examples and small.program.examples
    assert small.reason.max_tokens < chat.reason.max_tokens < thinking.reason.max_tokens
    assert not (chat.reason.examples or chat.program.examples)
    assert not (thinking.reason.examples or thinking.program.examples)
    assert (small.thinking, chat.thinking, thinking.thinking) == (False, False, True)
    assert (small.trust_priors(), chat.trust_priors()) == (WEAK, CHAT)
    assert thinking.usual()["reason"].median_s > chat.usual()["reason"].median_s
    assert chat.usual()["exact"].median_s < 1.0


def test_our_file_is_shipped_and_its_last_profile_is_for_every_model() -> None:
    assert files("logicnet.solver.race").joinpath("profiles.toml").is_file()
    assert load_profiles()[-1].models == ("*",)


def test_the_operators_own_come_first(file: Path) -> None:
    file.write_text(OWN)
    profiles = load_profiles(file)
    assert [one.name for one in profiles] == ["mine", *(one.name for one in load_profiles())]
    assert profile_for("MY-smollm2", profiles).name == "mine"
    assert profile_for("smollm2", profiles).name == "small"
    file.write_text("# nothing yet\n")
    assert load_profiles(file) == tuple(load_profiles())


def test_what_is_left_out_is_as_documented(file: Path) -> None:
    file.write_text(OWN)
    sampler = SamplerProfile(samples=4, most=8, temperature=0.6, max_tokens=600)
    assert load_profiles(file)[0] == Profile(
        name="mine",
        models=("my-*",),
        but_not=(),
        priors="chat",
        thinking=False,
        terse=False,
        trace_gain=0.005,
        tokens_per_s=50.0,
        calls=48,
        reason=sampler,
        program=sampler.model_copy(update={"samples": 0, "most": 2, "max_tokens": 400}),
    )


MISTAKES = [
    ("not toml", "not TOML ("),
    (OWN + "name = 'twice'\n", "not TOML ("),
    ("[" * 5000, "not TOML ("),
    ("profiles = 3\n", "profiles: must be a list"),
    ("profiles = [3]\n", "profile 1: must be a table"),
    (OWN.replace("[[profiles]]", "[profiles]"), "profiles: must be a list"),
    (OWN.replace("[[profiles]]", "[[profile]]"), "profile: is unknown; did you mean profiles?"),
    (OWN.replace('name = "mine"\n', ""), "profile 1, name: is missing"),
    (OWN.replace('"mine"', "3"), "profile 1, name: must be text"),
    (OWN.replace('"mine"', '" "'), "profile 1, name: is empty"),
    (OWN.replace('["my-*"]', '"my-*"'), "('mine'), models: must be a list"),
    (OWN.replace('["my-*"]', "[]"), "('mine'), models: is empty"),
    (OWN.replace('["my-*"]', '["a", ""]'), "('mine'), model 2: is empty"),
    (OWN + 'but_not = "my-x"\n', "('mine'), but_not: must be a list"),
    (OWN.replace('["my-*"]', "[3]"), "('mine'), model 1: must be text"),
    (OWN.replace("reason =", "reasons ="), "('mine'), reasons: is unknown; did you mean reason?"),
    (OWN.replace("samples = 4", "sample = 4"), "('mine'), reason.sample: is unknown; did you mean samples?"),
    (OWN.replace("samples = 4", "xyz = 4"), "('mine'), reason.xyz: is unknown; known keys: samples,"),
    (OWN.replace("samples = 4, ", ""), "('mine'), reason.samples: is missing"),
    (OWN.replace("samples = 4", "samples = -4"), "('mine'), reason.samples: must be greater than"),
    (OWN.replace("samples = 4", "samples = 4.5"), "('mine'), reason.samples: must be a whole number"),
    (OWN.replace("samples = 4", 'samples = "4"'), "('mine'), reason.samples: must be a whole number"),
    (OWN.replace("samples = 4", "samples = true"), "('mine'), reason.samples: must be a whole number"),
    (OWN.replace("samples = 4", "samples = 33"), "('mine'), reason.samples: must be less than"),
    (OWN.replace("samples = 4", "samples = 9"), "('mine'), reason: samples = 9 is more than most = 8"),
    (OWN.replace("samples = 4", "samples = 0"), "('mine'): reason.samples must be 1 or more"),
    (OWN.replace("most = 2", "most = 65"), "('mine'), program.most: must be less than or equal to 64"),
    (OWN.replace("max_tokens = 600", "max_tokens = 7"), "('mine'), reason.max_tokens: must be greater than"),
    (OWN.replace("600 }", "600, examples = 17 }"), "('mine'), reason.examples: must be less than"),
    (OWN.replace("0.6", "2.5", 1), "('mine'), reason.temperature: must be less than or equal to 2"),
    (OWN.replace("0.6", '"hot"', 1), "('mine'), reason.temperature: must be a number"),
    (OWN.replace("0.6", "nan", 1), "('mine'), reason.temperature: must be a finite number"),
    (OWN.partition("reason")[0] + "reason = 3\nprogram = 3\n", "('mine'), reason: must be a table"),
    (OWN + 'priors = "best"\n', "('mine'), priors: must be 'weak' or 'chat'"),
    (OWN + 'thinking = "yes"\n', "('mine'), thinking: must be true or false"),
    (OWN + "terse = 1\n", "('mine'), terse: must be true or false"),
    (OWN + "tokens_per_s = 0\n", "('mine'), tokens_per_s: must be greater than 0"),
    (OWN + "tokens_per_s = inf\n", "('mine'), tokens_per_s: must be a finite number"),
    (OWN + "trace_gain = 5\n", "('mine'), trace_gain: must be less than or equal to 0.15"),
    (OWN + "limits = { story = { formula = 0 } }\n", "('mine'), limits"),
    (OWN + "limits = { stories = { program = 0 } }\n", "limits: 'stories' is no kind of question; "),
    (OWN + "limits = { story = { program = -1 } }\n", "must be greater than or equal to 0"),
    (OWN + "limits = { '*' = { reason = 0 } }\n", "limits: '*' has reason = 0, and it must be 1 or more"),
    (OWN + "calls = 1\n", "('mine'), calls: must be greater than or equal to 2"),
    (OWN + OWN.replace("mine", "else").replace("samples = 4", "samples = 0"), "('else'): reason"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_every_mistake_is_one_line_that_names_file_and_field(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises(SettingsError) as raised:
        load_profiles(file)
    line = str(raised.value)
    assert line.startswith(f"--miner.profiles {file}")
    assert said in line
    assert "\n" not in line
    assert len(line) < 300 + len(str(file))


LIMITS = "limits = { '*' = { program = 1, exact = 0 }, story = { reason = 2, program = 0 } }\n"


def test_limits_hold_for_their_kind_of_question_before_those_of_every_kind(file: Path) -> None:
    file.write_text(OWN.replace("samples = 0, most = 2", "samples = 2, most = 3") + LIMITS)
    ours = load_profiles(file)[0]
    story, text = ours.for_kind("story"), ours.for_kind("text")
    assert (story.reason.samples, story.reason.most, story.program.most, story.exact) == (2, 2, 0, False)
    assert (text.reason, text.program.samples, text.program.most, text.exact) == (ours.reason, 1, 1, False)


def test_a_limit_never_asks_for_more(file: Path) -> None:
    file.write_text(OWN + "exact = false\nlimits = { story = { reason = 64, exact = 1 } }\n")
    ours = load_profiles(file)[0]
    assert ours.for_kind("story") == ours


def test_a_profile_is_written_as_it_was_read(file: Path) -> None:
    file.write_text(OWN.replace("mine", "m\u00edne \U0001f980") + 'but_not = ["*\\"*"]\n' + LIMITS)
    for one in load_profiles(file):
        file.write_text(one.toml())
        assert load_profiles(file)[0] == one


@pytest.mark.parametrize(("content", "said"), [(None, "No such file"), (b"\xff\xfe", "not UTF-8 text")])
def test_a_file_that_cannot_be_read_is_told(file: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=said):
        load_profiles(file)
    with pytest.raises(SettingsError, match="Is a directory"):
        load_profiles(file.parent)


@hypothesis(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_a_file_holds_is_read_or_told(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    try:
        load_profiles(file)
    except SettingsError as error:
        assert "\n" not in str(error)


@pytest.fixture
def quietly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    with logging_put_back():
        yield


def test_the_solver_is_not_built_from_a_file_with_a_mistake(file: Path) -> None:
    file.write_text(OWN.replace("samples = 4", "samples = 0"))
    with pytest.raises(SettingsError, match=r"reason\.samples"):
        load_solver("race", Setup(profiles=file))
    file.write_text(OWN)
    load_solver("race", Setup(profiles=file))


def test_the_miner_does_not_start_with_a_mistake_in_the_file(
    file: Path, tmp_path: Path, quietly: None, capsys: pytest.CaptureFixture[str]
) -> None:
    miner = hotkey(tmp_path / "wallets", "miner")
    write_network(tmp_path / "network.json", miner.ss58_address, {})
    file.write_text(OWN.replace("samples = 4", "sample = 4"))
    wallet = ["--wallet.path", str(tmp_path / "wallets"), "--wallet.name", "demo", "--wallet.hotkey", "miner"]
    places = ["--chain.file", str(tmp_path / "network.json"), "--ledger.path", str(tmp_path / "l.sqlite")]
    status = main(["mine", "--offline", *wallet, *places, "--miner.profiles", str(file)])
    where = f"--miner.profiles {file}: profile 1 ('mine'), reason.sample"
    said = f"{where}: is unknown; did you mean samples?"
    assert (status, capsys.readouterr().err.splitlines()[-1]) == (2, said)


# The page about them ---------------------------------------------------------------------------------

GUIDE = Path(__file__).parents[4] / "docs" / "profiles.md"


def test_the_guides_profile_is_one(file: Path) -> None:
    file.write_text(GUIDE.read_text().partition("```toml\n")[2].partition("```")[0])
    ours = profile_for("prod", load_profiles(file))
    assert (ours.name, ours.reason.samples, ours.program.most) == ("ours", 6, 6)


def test_the_guide_explains_every_word() -> None:
    text = GUIDE.read_text()
    for words in (Profile.model_fields, SamplerProfile.model_fields):
        for word in words:
            assert f"`{word}`" in text, word
    assert all(f"`{profile.name}`" in text for profile in load_profiles())
