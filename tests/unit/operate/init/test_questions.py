"""The five questions: who answers them, and what of an answer is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from logicnet.errors import LogicnetError, SettingsError
from logicnet.operate.init.questions import InitAnswers, InitOptions, collect_answers
from logicnet.operate.serving.choose import planned
from logicnet.operate.serving.options import PlanOptions

URL = "http://127.0.0.1:9/v1"


class Asked:
    """Somebody at a terminal, who types `lines`, and leaves when there are no more."""

    def __init__(self, *lines: str) -> None:
        self._lines: Iterator[str] = iter(lines)
        self.heard: list[str] = []

    def __call__(self, words: str) -> str:
        self.heard.append(words)
        try:
            return next(self._lines)
        except StopIteration:
            raise EOFError from None


def given(wallets: Path, *flags: str, **options: object) -> InitAnswers:
    path = ["--wallet.path", str(wallets)]
    environ = options.pop("environ", {})
    assert isinstance(environ, dict)
    return collect_answers(InitOptions(flags=[*path, *flags], **{"ask": None, **options}), environ)  # type: ignore[arg-type]


def test_without_anybody_to_ask_the_only_wallet_is_taken(wallets: Path) -> None:
    answers = given(wallets, "--miner.llm_client.base_url", URL)
    assert answers.settings == {
        "LOGICNET_WALLET__PATH": str(wallets),
        "LOGICNET_MINER__LLM_CLIENT__BASE_URL": URL,
        "LOGICNET_WALLET__NAME": "demo",
        "LOGICNET_WALLET__HOTKEY": "miner",
        "LOGICNET_SUBTENSOR__NETWORK": "finney",
        "LOGICNET_AXON__PORT": "8091",
    }
    assert answers.vllm is None


def test_five_questions_are_asked_and_an_empty_line_takes_what_is_shown(wallets: Path) -> None:
    asked = Asked("", "", "test", "9000", URL, "")
    answers = given(wallets, ask=asked)
    assert [words.rpartition("[")[2] for words in asked.heard[:4]] == [
        "demo]: ",
        "miner]: ",
        "finney]: ",
        "8091]: ",
    ]
    assert "Which model: a name of `logicnet models`" in asked.heard[4]
    assert asked.heard[5:] == ["Which model of 127.0.0.1 [its first]: "]
    assert answers.settings["LOGICNET_SUBTENSOR__NETWORK"] == "test"
    assert answers.settings["LOGICNET_AXON__PORT"] == "9000"
    assert answers.settings["LOGICNET_MINER__LLM_CLIENT__BASE_URL"] == URL


def test_a_mapped_port_is_two_ports(wallets: Path) -> None:
    asked = Asked("", "", "", "41234:80910", "70000:8091", "41234:8092", URL, "")
    answers = given(wallets, ask=asked)
    assert answers.settings["LOGICNET_AXON__PORT"] == "8092"
    assert answers.settings["LOGICNET_AXON__EXTERNAL_PORT"] == "41234"
    assert "--axon.port takes" in asked.heard[4]
    assert "--axon.external_port takes" in asked.heard[5]


def test_the_mapped_port_of_an_earlier_file_is_shown_and_kept(wallets: Path, tmp_path: Path) -> None:
    earlier = "LOGICNET_AXON__PORT=8092\nLOGICNET_AXON__EXTERNAL_PORT=41234\n"
    (tmp_path / ".env").write_text(earlier)
    asked = Asked("", "", "", "", URL, "")
    answers = given(wallets, ask=asked, folder=tmp_path, force=True)
    assert asked.heard[3].endswith("[41234:8092]: ")
    assert answers.settings["LOGICNET_AXON__PORT"] == "8092"
    assert answers.settings["LOGICNET_AXON__EXTERNAL_PORT"] == "41234"


def test_what_a_flag_says_is_not_asked(wallets: Path) -> None:
    asked = Asked()
    flags = ["--wallet.name", "demo", "--wallet.hotkey", "miner", "--subtensor.network", "finney"]
    flags += ["--axon.port", "8091", "--miner.epoch_volume", "64", "--miner.llm_client.base_url", URL]
    answers = given(wallets, *flags, "--miner.llm_client.model", "m", ask=asked)
    assert asked.heard == []
    assert answers.settings["LOGICNET_MINER__EPOCH_VOLUME"] == "64"


def test_a_wrong_answer_is_asked_again_with_what_is_wrong(wallets: Path) -> None:
    asked = Asked("", "", "", "many", "9000", "Llama-99", URL, "")
    answers = given(wallets, ask=asked)
    assert "takes a port from 1 to 65535; got 'many'" in asked.heard[4]
    assert "nothing is known of the model Llama-99" in asked.heard[6]
    assert answers.settings["LOGICNET_AXON__PORT"] == "9000"


def test_who_leaves_leaves_nothing(wallets: Path) -> None:
    with pytest.raises(LogicnetError, match="Nothing was written"):
        given(wallets, ask=Asked("demo"))


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--axon.prot", "1"], "did you mean --axon.port?"),
        (["--axon.port", "x"], "takes a port"),
        ([], "no GPU for a model"),
    ],
)
def test_bad_flags_and_a_machine_without_gpus(wallets: Path, flags: list[str], says: str) -> None:
    with pytest.raises(SettingsError, match=says.replace("?", r"\?")):
        given(wallets, *flags)


def test_no_wallet_names_the_flag(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--wallet\.name is missing"):
        given(tmp_path / "nowhere")


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "hotkeys").mkdir(parents=True)
        (tmp_path / name / "hotkeys" / f"{name}s").touch()
    with pytest.raises(SettingsError) as error:
        given(tmp_path)
    wallet, hotkey, model = str(error.value).splitlines()
    assert wallet == "--wallet.name is missing; the choices are one, two."
    assert hotkey == "--wallet.hotkey is missing; the choices are ones, twos."
    assert "--miner.llm_client.base_url of a server, or a small --model" in model
    with pytest.raises(SettingsError, match=r"--wallet\.name(.*\n){2}.*api\.example\.com needs a key"):
        given(tmp_path, "--miner.llm_client.base_url", "https://api.example.com/v1")


def test_several_wallets_are_named(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "hotkeys").mkdir(parents=True)
    with pytest.raises(SettingsError, match=r"--wallet\.name is missing; the choices are one, two"):
        given(tmp_path)


def test_a_model_here_and_a_server_elsewhere_exclude_each_other(wallets: Path) -> None:
    with pytest.raises(SettingsError, match="give one of them"):
        given(wallets, "--miner.llm_client.base_url", URL, model="Qwen/Qwen3-8B")


def test_the_best_model_of_the_card_with_the_flags_of_the_plan(wallets: Path, a_24_gb_card: None) -> None:
    vllm = given(wallets).vllm
    assert vllm is not None
    assert "--gpu-memory-utilization" in vllm.flags and "--max-model-len" in vllm.flags
    best = planned(PlanOptions())
    assert (vllm.model, vllm.flags) == (best.checkpoint, " ".join(best.flags()))
    named = given(wallets, model="Qwen2.5-7B-Instruct").vllm
    assert named is not None
    assert named.model.startswith("Qwen/Qwen2.5-7B-Instruct")


def test_what_the_plan_counts_on_is_promised_unless_a_flag_says_otherwise(
    wallets: Path, a_24_gb_card: None, tmp_path: Path
) -> None:
    def promised(*flags: str, **options: object) -> str | None:
        return given(wallets, *flags, **options).settings.get("LOGICNET_MINER__EPOCH_VOLUME")

    model = "Qwen2.5-7B-Instruct"
    fit = planned(PlanOptions(model=model))
    assert 0 < fit.volume < 512
    assert promised(model=model) == str(fit.volume)
    assert promised("--miner.epoch_volume", "68", model=model) == "68"
    assert promised(model=model, vllm_flags="--dtype half") is None  # nothing was planned
    file = f"SN35_VLLM_MODEL={fit.checkpoint}\nSN35_VLLM_FLAGS=-q\nLOGICNET_MINER__EPOCH_VOLUME=68\n"
    (tmp_path / ".env").write_text(file)
    assert promised(force=True) == "68"  # measured since, perhaps
    assert promised(force=True, model="Qwen2-7B-Instruct") != "68"  # that was of another model


def test_what_does_not_fit_and_what_nobody_knows_is_refused(wallets: Path, a_24_gb_card: None) -> None:
    with pytest.raises(SettingsError, match="does not fit on 1 x GPU of 24 GB"):
        given(wallets, model="falcon-40b")
    with pytest.raises(SettingsError, match="nothing is known of the model"):
        given(wallets, model="someone/unheard-of")


def test_own_flags_for_vllm_are_taken_as_they_are(wallets: Path) -> None:
    vllm = given(wallets, model="someone/unheard-of", vllm_flags="--dtype half", vllm_python="/bin/sh").vllm
    assert vllm is not None
    assert (vllm.model, vllm.flags, vllm.python) == ("someone/unheard-of", "--dtype half", "/bin/sh")


@pytest.mark.parametrize("flags", ["--port 28005 --dtype half", "--dtype half --port=28005"])
def test_a_port_among_vllms_flags_is_told_to_the_miner_too(wallets: Path, flags: str) -> None:
    vllm = given(wallets, model="someone/unheard-of", vllm_flags=flags).vllm
    assert (vllm.flags, vllm.port) == ("--dtype half", "28005")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"vllm_flags": "--served-model-name 'x"}, "--vllm-flags cannot be parsed"),
        ({"vllm_flags": "--port many"}, "--vllm-flags cannot be parsed: .*invalid int"),
        ({"vllm_flags": "--api-key sesame"}, "put the key into .env as VLLM_API_KEY"),
        ({"vllm_flags": "", "vllm_python": "/no/python"}, "the program /no/python does not exist"),
    ],
)
def test_wrong_words_for_vllm_are_said(wallets: Path, options: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        given(wallets, model="any/model", **options)


def test_the_key_of_a_server_elsewhere_comes_from_the_environment_or_is_asked_unseen(wallets: Path) -> None:
    flags = ["--miner.llm_client.base_url", "https://api.example.com/v1", "--miner.llm_client.model", "m"]
    answers = given(wallets, *flags, environ={"OPENAI_API_KEY": "sk-environment"})
    assert answers.settings["LOGICNET_MINER__LLM_CLIENT__KEY"] == "sk-environment"
    seen, unseen = Asked("", "", "", ""), Asked("sk-typed")
    answers = given(wallets, *flags, ask=seen, ask_secret=unseen)
    assert answers.settings["LOGICNET_MINER__LLM_CLIENT__KEY"] == "sk-typed"
    assert unseen.heard == ["The key of api.example.com (hidden): "]


def test_with_force_what_was_there_is_what_is_proposed(wallets: Path, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "LOGICNET_AXON__PORT=9000\nLOGICNET_MINER__EPOCH_VOLUME=64\nHF_TOKEN=hf_1\nSN35_VLLM_PORT=8123\n"
        "SN35_MINER_FLAGS=--logging.debug\n"
        "LOGICNET_MINER__LLM_CLIENT__BASE_URL=http://elsewhere/v1\nLOGICNET_MINER__LLM_CLIENT__MODEL=m\n"
    )
    answers = given(wallets, force=True)
    assert answers.settings["LOGICNET_AXON__PORT"] == "9000"
    assert answers.settings["LOGICNET_MINER__EPOCH_VOLUME"] == "64"
    assert answers.settings["LOGICNET_MINER__LLM_CLIENT__BASE_URL"] == "http://elsewhere/v1"
    assert answers.kept == {"HF_TOKEN": "hf_1", "SN35_MINER_FLAGS": "--logging.debug"}
    here = given(wallets, force=True, model="any/model", vllm_flags="")
    assert here.vllm is not None and here.vllm.port == "8123"
    assert not [name for name in here.settings if "LLM_CLIENT" in name]  # said of another server


def test_flags_that_were_mended_by_hand_stay_with_their_model(wallets: Path, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('SN35_VLLM_MODEL=any/model\nSN35_VLLM_FLAGS="--dtype half"\n')
    again = given(wallets, force=True).vllm
    assert again is not None
    assert (again.model, again.flags) == ("any/model", "--dtype half")
    with pytest.raises(SettingsError, match="nothing is known of the model"):
        given(wallets, force=True, model="other/model")


def test_a_wallet_that_is_not_there_is_asked_for_again_at_once(wallets: Path) -> None:
    asked = Asked("dmeo", "demo", "minor", "miner", "", "", URL, "")
    answers = given(wallets, ask=asked)
    assert "--wallet.name: 'dmeo' does not exist; choose demo." in asked.heard[1]
    assert "--wallet.hotkey: 'minor' does not exist; choose miner." in asked.heard[3]
    assert answers.settings["LOGICNET_WALLET__HOTKEY"] == "miner"


def test_nobody_without_a_wallet_is_asked_anything(tmp_path: Path) -> None:
    asked = Asked()
    with pytest.raises(SettingsError, match=r"--wallet\.name is missing: .* has none.*btcli wallet create"):
        given(tmp_path, ask=asked)
    assert asked.heard == []
