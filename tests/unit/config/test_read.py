import re
import shlex
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logicnet.config import Config, Setting, read, table
from logicnet.errors import SettingsError
from tests.unit.config.conftest import Reads

ROOT = Path(__file__).parents[3]
NO_FILE = Path("/nonexistent/.env")

SAMPLES = {
    "netuid": "36",
    "hf_token": "hf-sample-token",
    "wandb_api_key": "wandb-sample-key",
    "wallet.name": "my_coldkey",
    "wallet.hotkey": "my_hotkey",
    "wallet.path": "/keys",
    "subtensor.network": "wss://node.example.com:443",
    "chain.file": "/network.json",
    "chain.refresh_s": "12.5",
    "chain.timeout_s": "9",
    "axon.host": "127.0.0.2",
    "axon.port": "8092",
    "axon.external_ip": "203.0.113.7",
    "axon.external_port": "8093",
    "miner.category": "Reasoning",
    "miner.epoch_volume": "50",
    "miner.limit_interval": "300",
    "miner.min_stake": "12345.5",
    "miner.over_quota": "refuse",
    "miner.max_in_flight": "8",
    "miner.solver": "constant",
    "miner.wire": "riddles",
    "miner.profiles": "/profiles.toml",
    "miner.shadow": "constant",
    "miner.shadow_share": "0.25",
    "miner.llm_client.base_url": "http://127.0.0.1:8001/v1",
    "miner.llm_client.model": "Qwen/Qwen2.5-7B-Instruct",
    "miner.llm_client.key": "sk-sample-key",
    "ledger.path": "/ledger.sqlite",
    "ledger.keep_days": "7",
    "admin.host": "127.0.0.3",
    "admin.port": "9135",
    "console.host": "127.0.0.4",
    "console.port": "8351",
    "console.proxy": "127.0.0.5",
    "console.password": "a-sample-password",
    "console.notify": "json://127.0.0.1:9/a,b",
    "console.quiet": "22:00-07:00",
    "console.judge": "http://127.0.0.1:8002/v1",
    "console.judge_model": "org/judge",
    "console.judge_key": "sk-judge-sample",
    "console.judge_calls": "12",
    "console.also": "/a.sqlite,/b.sqlite",
    "console.price": "412.5",
    "console.gpu_cost_h": "2.15",
    "serve.host": "127.0.0.7",
    "serve.port": "8401",
    "serve.key": "sk-serve-sample",
    "serve.deadline": "30",
    "tuning.folder": "/jobs",
    "tuning.host": "127.0.0.6",
    "tuning.port": "7998",
    "tuning.token": "a-sample-token",
    "tuning.python": "/venv/bin/python",
    "tuning.accepted_families": "llama, mistral",
    "tuning.max_text_hours": "10",
    "tuning.max_image_hours": "2.5",
    "tuning.concurrent_jobs": "2",
    "tuning.gpus": "2",
    "tuning.queue_size": "7",
    "tuning.isolation": "process",
    "tuning.image": "trainer",
    "tuning.engine": "ray",
    "tuning.ray_address": "http://10.0.0.1:8265",
    "tuning.text_repo": "https://example.com/a@1",
    "tuning.image_repo": "https://example.com/b@2",
    "tuning.wandb_project": "runs",
    "tuning.wandb_entity": "team",
    "tuning.report_to": "trackio",
}
SWITCHES = [
    "offline",
    "axon.allow_counters",
    "axon.allow_unbound",
    "tuning.network",
    "tuning.allow_reward_code",
    "tuning.improve",
    "logging.debug",
    "logging.trace",
    "logging.json",
]


def test_there_is_a_sample_of_every_setting() -> None:
    assert {*SAMPLES, *SWITCHES} == set(table())


def value(config: Config, name: str) -> str:
    got = table()[name].value(config.settings)
    if table()[name].secret:
        return str(got.get_secret_value())
    return table()[name].shown(got)


def complaints(
    reads: Reads, *argv: str, environ: dict[str, str] | None = None, env: str | bytes = ""
) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        reads(*argv, environ=environ, env=env)
    return str(caught.value).split("\n")


# --- each setting, each way


@pytest.mark.parametrize("name", SAMPLES)
def test_every_setting_comes_from_every_place(reads: Reads, name: str) -> None:
    setting, text = table()[name], SAMPLES[name]
    places = {
        f"flag {setting.flag}": [reads(setting.flag, text), reads(f"{setting.flag}={text}")],
        f"environment {setting.variable}": [reads(environ={setting.variable: text})],
    }
    for source, configs in places.items():
        for config in configs:
            assert value(config, name) == text
            assert config.source(setting) == source
            assert [one.name for one in config.given] == [name]
    config = reads(env=f"# a comment\n\n{setting.variable}={text}  # why\n")
    assert value(config, name) == text
    assert config.source(setting).endswith(f".env line 3 {setting.variable}")


@pytest.mark.parametrize("name", SWITCHES)
def test_every_switch_from_every_place(reads: Reads, name: str) -> None:
    setting = table()[name]
    assert value(reads(), name) == "false"
    for config in (
        reads(setting.flag),
        reads(f"{setting.flag}=true"),
        reads(setting.flag, "true"),
        reads(environ={setting.variable: "1"}),
        reads(env=f"{setting.variable}=yes"),
        reads(setting.flag, "--netuid", "1"),
    ):
        assert value(config, name) == "true"
    for config in (
        reads(f"{setting.flag}=false", environ={setting.variable: "true"}),
        reads(setting.flag, "false", environ={setting.variable: "true"}),
    ):
        assert value(config, name) == "false"


def test_the_documented_command_line(reads: Reads) -> None:
    line = (
        "--netuid 35 --wallet.name W --wallet.hotkey H --subtensor.network finney --axon.port 8000 "
        "--miner.category Logic --miner.epoch_volume 50 --miner.llm_client.base_url http://h/v1 "
        "--miner.llm_client.model M --miner.llm_client.key K --logging.debug"
    )
    settings = reads(*line.split()).settings
    assert (settings.netuid, settings.axon.port, settings.subtensor.network) == (35, 8000, "finney")
    assert (settings.wallet.name, settings.wallet.hotkey) == ("W", "H")
    assert (settings.miner.category, settings.miner.epoch_volume) == ("Logic", 50)
    client = settings.miner.llm_client
    assert client.key and client.key.get_secret_value() == "K"
    assert (client.base_url, client.model) == ("http://h/v1", "M")
    assert settings.logging.debug and not settings.logging.trace


# --- which place wins


def test_flag_beats_environment_beats_file_beats_default(reads: Reads) -> None:
    everywhere = {"environ": {"LOGICNET_AXON__PORT": "2"}, "env": "LOGICNET_AXON__PORT=3"}
    assert reads("--axon.port", "1", **everywhere).settings.axon.port == 1
    assert reads(**everywhere).settings.axon.port == 2
    assert reads(env="LOGICNET_AXON__PORT=3").settings.axon.port == 3
    assert reads(env="").settings.axon.port == 8091


def test_the_last_of_two_flags_counts(reads: Reads) -> None:
    assert reads("--axon.port", "1", "--axon.port=2").settings.axon.port == 2


def test_what_is_given_in_one_branch_leaves_its_other_leaves_alone(reads: Reads) -> None:
    config = reads("--miner.solver", "x", environ={"LOGICNET_MINER__LLM_CLIENT__MODEL": "m"})
    assert config.settings.miner.solver == "x"
    assert config.settings.miner.llm_client.model == "m"
    assert config.settings.miner.llm_client.base_url == "http://127.0.0.1:8000/v1"


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("OPENAI_API_KEY", "miner.llm_client.key"),
        ("HF_TOKEN", "hf_token"),
        ("WANDB_API_KEY", "wandb_api_key"),
    ],
)
def test_a_known_variable_fills_in_where_nothing_else_does(reads: Reads, variable: str, name: str) -> None:
    setting = table()[name]
    known = {variable: "known-in-environment"}
    assert value(reads(environ=known), name) == "known-in-environment"
    assert reads(environ=known).source(setting) == f"environment {variable}"
    assert value(reads(env=f"{variable}=known-in-file"), name) == "known-in-file"
    assert value(reads(environ=known, env=f"{variable}=known-in-file"), name) == "known-in-environment"
    # One that is meant for this miner alone beats the one that all programs share, wherever it stands.
    assert value(reads(environ=known, env=f"{setting.variable}=own"), name) == "own"
    assert value(reads(environ=known | {setting.variable: "own"}), name) == "own"
    assert value(reads(setting.flag, "flag", environ=known), name) == "flag"


def test_an_empty_variable_is_one_that_was_not_filled_in(reads: Reads) -> None:
    config = reads(
        environ={"LOGICNET_AXON__PORT": "", "OPENAI_API_KEY": ""},
        env="LOGICNET_AXON__PORT=7\nOPENAI_API_KEY=",
    )
    assert config.settings.axon.port == 7
    assert config.settings.miner.llm_client.key is None


def test_other_programs_variables_are_none_of_ours(reads: Reads) -> None:
    config = reads(environ={"PATH": "/bin", "AXON__PORT": "1"}, env="SN35_VLLM_PORT=1\nVLLM_API_KEY=x")
    assert not config.given


# --- what is wrong with a flag


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--axon.prot", "--axon.port"),
        ("--axon_port", "--axon.port"),
        ("--port", "--axon.port"),
        ("--base_url", "--miner.llm_client.base_url"),
        ("--llm_client.model", "--miner.llm_client.model"),
        ("--miner.epoch-volume", "--miner.epoch_volume"),
        ("--Wallet.Name", "--wallet.name"),
        ("--subtensor.networks", "--subtensor.network"),
        ("--logging.info", "--logging.json"),
        ("-axon.port", "--axon.port"),
        ("--ofline", "--offline"),
    ],
)
def test_an_unknown_flag_is_named_with_the_nearest(reads: Reads, typed: str, meant: str) -> None:
    expected = [f"{typed}: there is no such flag; did you mean {meant}?"]
    assert complaints(reads, typed, "5") == expected
    assert complaints(reads, f"{typed}=5") == expected
    assert complaints(reads, typed) == expected


def test_a_flag_like_no_other(reads: Reads) -> None:
    assert complaints(reads, "--xyzzy") == [
        "--xyzzy: there is no such flag; `logicnet mine --help` lists all settings, "
        "and the command's own --help its flags."
    ]


def test_a_word_without_a_flag(reads: Reads) -> None:
    assert complaints(reads, "--axon.port", "1", "stray") == ["'stray' is not a flag: flags begin with --."]


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["--axon.port", "99999"], "--axon.port takes a port from 1 to 65535; got '99999'."),
        (["--axon.port=x"], "--axon.port takes a port from 1 to 65535; got 'x'."),
        (["--axon.port"], "--axon.port takes a port from 1 to 65535; got nothing."),
        (["--axon.port", "--offline"], "--axon.port takes a port from 1 to 65535; got nothing."),
        (["--axon.port="], "--axon.port takes a port from 1 to 65535; got nothing."),
        (["--netuid", "-1"], "--netuid takes a whole number from 0 to 65535; got '-1'."),
        (["--offline=maybe"], "--offline takes true or false; got 'maybe'."),
        (["--logging.json=5"], "--logging.json takes true or false; got '5'."),
        (["--wallet.name", "a/b"], "--wallet.name takes the name of a key, not a path; got 'a/b'."),
        (
            ["--miner.limit_interval", "nan"],
            "--miner.limit_interval takes a number above 0, up to 86400; got 'nan'.",
        ),
        (["--axon.host", "x" * 99], f"--axon.host takes an IP address or a host name; got '{'x' * 60}...'."),
        (
            ["--axon.host", "a\nb\x1b[31m"],
            r"--axon.host takes an IP address or a host name; got 'a\nb\x1b[31m'.",
        ),
    ],
)
def test_a_wrong_value_is_one_line(reads: Reads, argv: list[str], line: str) -> None:
    if "x" * 99 in argv:
        argv = [argv[0], "x" * 99 + "!"]
    assert complaints(reads, *argv) == [line]


def test_each_wrong_value_gets_a_line_of_its_own(reads: Reads) -> None:
    lines = complaints(
        reads,
        *("--axon.port", "0"),
        environ={"LOGICNET_NETUID": "x"},
        env="\nLOGICNET_MINER__EPOCH_VOLUME=none",
    )
    assert lines[0] == "LOGICNET_NETUID (environment) takes a whole number from 0 to 65535; got 'x'."
    assert lines[1] == "--axon.port takes a port from 1 to 65535; got '0'."
    assert re.fullmatch(
        r"LOGICNET_MINER__EPOCH_VOLUME \(.*\.env line 2\) takes a whole .*; got 'none'\.", lines[2]
    )
    assert len(lines) == 3


# --- what is wrong with a variable or the file


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("LOGICNET_AXON__PROT", "LOGICNET_AXON__PORT"),
        ("LOGICNET_AXON_PORT", "LOGICNET_AXON__PORT"),
        ("LOGICNET_PORT", "LOGICNET_AXON__PORT"),
        ("logicnet_axon__port", "LOGICNET_AXON__PORT"),
        ("LOGICNET_MINER__LLM_CLIENT__URL", "LOGICNET_MINER__LLM_CLIENT__BASE_URL"),
    ],
)
def test_an_unknown_variable_is_named_with_the_nearest(reads: Reads, typed: str, meant: str) -> None:
    assert complaints(reads, environ={typed: "5"}) == [
        f"{typed} (environment): there is no such setting; did you mean {meant}?"
    ]
    (line,) = complaints(reads, env=f"{typed}=5")
    assert line.startswith(typed) and line.endswith(
        f".env line 1): there is no such setting; did you mean {meant}?"
    )


def test_a_branch_is_no_setting(reads: Reads) -> None:
    (line,) = complaints(reads, environ={"LOGICNET_MINER": '{"solver": "constant"}'})
    assert line.startswith("LOGICNET_MINER (environment): there is no such setting")


@pytest.mark.parametrize(
    ("env", "line", "what"),
    [
        (b"A=1\n\n# c\nB=\xff\xfe\n", 4, "not UTF-8 text."),
        (b"\xff", 1, "not UTF-8 text."),
        (b"A=1\n\nLOGICNET AXON=1\n", 3, "not of the form NAME=value."),
        (b"\r\n\r\nno equals sign\r\n", 3, "not of the form NAME=value."),
        (b"LOGICNET_NETUID\n", 1, "not of the form NAME=value."),
        (b'A=1\nOPENAI_API_KEY="never closed\n', 2, "not of the form NAME=value."),
    ],
)
def test_a_broken_file_is_named_with_its_line(reads: Reads, env: bytes, line: int, what: str) -> None:
    (said,) = complaints(reads, env=env)
    assert said.endswith(f".env line {line}: {what}")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^[^\n]*cannot be read \(Is a directory\)\.$"):
        read([], {}, tmp_path)


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ("LOGICNET_WALLET__NAME=plain", "plain"),
        ("export LOGICNET_WALLET__NAME=exported", "exported"),
        ("LOGICNET_WALLET__NAME='single # quoted'", "single # quoted"),
        ('LOGICNET_WALLET__NAME="double quoted"  # c', "double quoted"),
        ("LOGICNET_WALLET__NAME = spaced  ", "spaced"),
        ("LOGICNET_WALLET__NAME=${HOME}$x", "${HOME}$x"),
        ("\ufeffLOGICNET_WALLET__NAME=marked", "marked"),
        ("LOGICNET_WALLET__NAME=dos\r\nA=1\r\n", "dos"),
        ("LOGICNET_WALLET__NAME=one\nLOGICNET_WALLET__NAME=two", "two"),
    ],
)
def test_how_a_line_may_be_written(reads: Reads, env: str, expected: str) -> None:
    assert reads(env=env).settings.wallet.name == expected


def test_the_example_file_is_right(reads: Reads) -> None:
    text = (ROOT / ".env.example").read_text()
    assert reads(env=text).settings.wallet.name == "my_coldkey"
    every_line = re.sub(r"^# (\w+=)", r"\1", text, flags=re.MULTILINE)
    assert every_line != text
    settings = reads(env=every_line).settings
    assert settings.offline and settings.chain.file
    assert settings.miner.llm_client.base_url == "https://api.openai.com/v1"


# --- secrets stay secret, and nothing breaks it

SECRET = "sk-TOPSECRET-0123456789"
SECRET_SETTINGS = [setting for setting in table().values() if setting.secret]


@pytest.mark.parametrize("setting", SECRET_SETTINGS, ids=lambda setting: setting.name)
def test_no_complaint_holds_a_secret(reads: Reads, setting: Setting) -> None:
    flag, bad = setting.flag, f"{SECRET} with spaces"
    wrong_command_lines = [
        [flag, bad],
        [f"{flag}={bad}"],
        [f"{flag}{SECRET}"],
        [f"{flag}:{SECRET}"],
        [f"-{flag}={SECRET}"],
        [f"{flag[1:]}", SECRET],
        [flag[2:], SECRET],
        [f"{flag[2:]}={SECRET}"],
        [flag, "x", SECRET],
        [f"{flag}=", SECRET],
        [f"{flag}x", SECRET],
        [f"{flag[:-1]}={SECRET}"],
        ["--xyzzy", "--offline", SECRET],
    ]
    for argv in wrong_command_lines:
        assert "TOPSECRET" not in "\n".join(complaints(reads, *argv)), argv
    for environ in (
        {setting.variable: bad},
        {(*setting.known_as, setting.variable)[0]: bad},
        {f"{setting.variable}X": SECRET},
    ):
        assert "TOPSECRET" not in "\n".join(complaints(reads, environ=environ)), environ
    for env in (
        f"{setting.variable}='{bad}'",
        f'{setting.variable}="{SECRET}',
        f"{setting.variable} {SECRET}",
    ):
        assert "TOPSECRET" not in "\n".join(complaints(reads, env=env)), env
    (line,) = complaints(reads, environ={setting.variable: bad})
    assert line == f"{setting.variable} (environment) takes {setting.takes.words}; got '****'."


def test_no_complaint_holds_a_password_of_an_address(reads: Reads) -> None:
    for flag in ("--miner.llm_client.base_url", "--subtensor.network"):
        (line,) = complaints(reads, flag, "https://user:TOPSECRET@host/v1?key=TOPSECRET")
        assert "TOPSECRET" not in line
        assert "https://****@host/v1?****" in line


def test_no_representation_holds_a_secret(reads: Reads) -> None:
    config = reads(
        "--miner.llm_client.key", SECRET, environ={"HF_TOKEN": SECRET}, env=f"WANDB_API_KEY={SECRET}"
    )
    assert set(config.secrets()) == {SECRET}
    assert "TOPSECRET" not in repr(config) + str(config) + repr(config.given)


words = st.one_of(
    st.text(max_size=20),
    st.sampled_from([setting.flag for setting in table().values()]),
    st.sampled_from([f"{setting.flag}=" for setting in table().values()]),
    st.sampled_from(
        ["true", "false", "1", "-1", "--", "-", "=", "", "finney", "~", "~nobody", "\udcff", "\x00"]
    ),
)


@settings(deadline=None)
@given(argv=st.lists(words, max_size=6))
def test_any_command_line_is_settings_or_lines(argv: list[str]) -> None:
    try:
        config = read(argv, {}, NO_FILE)
    except SettingsError as error:
        for line in str(error).split("\n"):
            assert line.isprintable()
            assert 10 < len(line) < 500
            assert line.startswith(("-", "'", '"', "*"))
    else:
        assert {given.name for given in config.given.values()} <= {word.partition("=")[0] for word in argv}


@settings(deadline=None)
@given(
    environ=st.dictionaries(
        st.one_of(
            st.text(max_size=8).map("LOGICNET_".__add__),
            st.sampled_from([s.variable for s in table().values()]),
        ),
        st.text(max_size=20),
        max_size=4,
    )
)
def test_any_environment_is_settings_or_lines(environ: dict[str, str]) -> None:
    try:
        read([], environ, NO_FILE)
    except SettingsError as error:
        lines = str(error).split("\n")
        assert len(lines) <= len(environ)
        assert all(line.isprintable() and line.startswith("LOGICNET_") for line in lines)


DOCUMENTED = """\
--netuid 35 --wallet.name "my wallet" \\
--miner.category Logic \\ # specify the category to join
--miner.epoch_volume 70 \\ # commit no of requests
"""


@pytest.mark.parametrize("comment", ["# specify the category", "", " #", "#"])
def test_a_command_that_a_comment_has_cut_is_refused_and_printed_as_meant(comment: str) -> None:
    shell = DOCUMENTED.replace("# specify the category to join", comment).partition("\n--miner.epoch_volume")[
        0
    ]
    argv = shlex.split(shell.replace("\\\n", " "))  # it has no comments: neither has a shell here
    with pytest.raises(SettingsError) as complaint:
        read(argv, {}, NO_FILE)
    line = str(complaint.value)
    assert "behind a backslash" in line
    assert "--wallet.name 'my wallet'" in line
    assert "--miner.epoch_volume 50" in line  # it was lost: the documents' value stands for it


def test_a_cut_command_is_printed_without_its_secrets() -> None:
    argv = ["--miner.llm_client.key", "sk-abc", " #", "the", "key"]
    with pytest.raises(SettingsError) as complaint:
        read(argv, {}, NO_FILE)
    assert "sk-abc" not in str(complaint.value)


def test_a_value_may_begin_with_a_hash() -> None:
    key = read(["--miner.llm_client.key", "#1key"], {}, NO_FILE).settings.miner.llm_client.key
    assert key is not None
    assert key.get_secret_value() == "#1key"


def test_each_of_several_secrets_is_masked_and_refused_without_its_value(reads: Reads) -> None:
    config = reads("--console.notify", "json://h/one", "--console.notify", "tgram://two/3")
    assert {"json://h/one", "tgram://two/3"} <= set(config.secrets())
    for text in ("two-token", "json://", "json://h, two-token", "json://h /x"):
        (line,) = complaints(reads, "--console.notify", text)
        assert "--console.notify" in line and "two-token" not in line


@pytest.mark.parametrize("text", ["22-7", "22:00", "24:00-07:00", "22:00-22:00", "22:00-07:60", "9:00-10:00"])
def test_quiet_hours_are_two_times_of_day(reads: Reads, text: str) -> None:
    (line,) = complaints(reads, "--console.quiet", text)
    assert "two times of day, like 22:00-07:00" in line
