import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.config import check, endpoints
from logicnet.errors import SettingsError
from logicnet.llm import Limit, Spec
from logicnet.settings import LlmClientSettings
from tests.unit.config.conftest import Reads

NO_ENV = Path("/nonexistent/.env")
GOOD = """
[[endpoint]]
url = "http://127.0.0.1:8000/v1"
weight = 2
most_calls = 64
timeout_s = 12
router = true

[[endpoint]]
url = "https://api.example.com/v1"
model = "big"
key_env = "BIG_KEY"
paid = true
money_per_day = 5
price_in = 0.5
price_out = 1.5

[[endpoint]]
url = "https://api.example.com/v1"
model = "small"
key_env = "BIG_KEY"
paid = true
tokens_per_day = 1_000_000
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "endpoints.toml"
    path.write_text(GOOD)
    return path


def specs(*places: str | Path, environ: dict[str, str] | None = None, env_file: Path = NO_ENV) -> list[Spec]:
    client = LlmClientSettings(base_url=",".join(map(str, places)), model="m")
    return endpoints(client, environ or {}, env_file)


def wrong(*places: str | Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        specs(*places, environ=environ)
    said = str(caught.value)
    assert "\n" not in said and said.endswith((".", "?"))
    return said


def test_one_as_before() -> None:
    assert specs("http://h:8000/v1") == [Spec("http://h:8000/v1", "m")]


def test_several_in_their_order(reads: Reads) -> None:
    settings = reads(
        *("--miner.llm_client.base_url", "http://a/v1", "--miner.llm_client.base_url=http://b/v1")
    ).settings
    assert settings.miner.llm_client.sources == ["http://a/v1", "http://b/v1"]
    for env in ("http://a/v1,http://b/v1", "http://a/v1, http://b/v1"):
        settings = reads(env=f"LOGICNET_MINER__LLM_CLIENT__BASE_URL={env}").settings
        assert [spec.url for spec in endpoints(settings.miner.llm_client, {}, NO_ENV)] == [
            "http://a/v1",
            "http://b/v1",
        ]


def test_a_flag_still_beats_the_file_of_settings(reads: Reads) -> None:
    config = reads(
        "--miner.llm_client.base_url",
        "http://flag/v1",
        env="LOGICNET_MINER__LLM_CLIENT__BASE_URL=http://e/v1",
    )
    assert config.settings.miner.llm_client.sources == ["http://flag/v1"]


def test_other_flags_may_still_not_be_repeated_into_lists(reads: Reads) -> None:
    assert reads("--wallet.name", "a", "--wallet.name", "b").settings.wallet.name == "b"


def test_what_a_file_says(file: Path) -> None:
    local, big, small = specs(file, environ={"BIG_KEY": "sk-big"})
    assert local == Spec("http://127.0.0.1:8000/v1", weight=2.0, most_calls=64, timeout_s=12.0, router=True)
    assert (big.model, big.limit) == ("big", Limit(5.0, 0.5, 1.5, money=True))
    assert big.key is not None and big.key.get_secret_value() == "sk-big"
    assert small.limit == Limit(1_000_000)


def test_files_and_addresses_together(file: Path) -> None:
    assert len(specs("http://other/v1", file, environ={"BIG_KEY": "k"})) == 4


def test_a_cluster_is_a_server_of_many(tmp_path: Path) -> None:
    file = tmp_path / "ray.toml"
    file.write_text("[[endpoint]]\nray = 'http://head:8265'\nmodel = 'm'\nweight = 2\n")
    (one,) = specs(file)
    assert (one.url, one.ray, one.model, one.weight) == ("http://head:8265", True, "m", 2.0)


def test_keys_are_found_beside_the_settings_too(file: Path, tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("BIG_KEY=sk-file\n")
    key = specs(file, env_file=env_file)[1].key
    assert key is not None and key.get_secret_value() == "sk-file"
    key = specs(file, environ={"BIG_KEY": "sk-environ"}, env_file=env_file)[1].key
    assert key is not None and key.get_secret_value() == "sk-environ"


@pytest.mark.parametrize(
    "text",
    [
        *("http://a/v1 http://b/v1", "http://a/v1,", ",http://a/v1", ","),
        *("a.toml,ftp://b/v1", "http://a/v1,b.json", "a\n.toml"),
    ],
)
def test_a_list_with_something_else_in_it(reads: Reads, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        reads("--miner.llm_client.base_url", text)
    assert str(caught.value).startswith("--miner.llm_client.base_url takes a base URL like")


# --- bad input: one line that says what to do


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert (
        wrong("none.toml")
        == "--miner.llm_client.base_url none.toml: cannot be read (No such file or directory)."
    )
    assert "No such file" in wrong(tmp_path / "none.toml")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    assert wrong(tmp_path / "folder.toml").endswith("folder.toml: cannot be read (Is a directory).")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "endpoint: is missing; takes one or more tables [[endpoint]]."),
        ("endpoint = []", "endpoint: takes one or more tables [[endpoint]]"),
        ("[endpoint]\nurl = 'http://a/v1'", "[[endpoint]]"),
        ("endpoint = [3]", "endpoint 1: "),
        ("url = 'http://a/v1'", "url: is unknown; known keys: endpoint."),
        ("[[endpoint", "not TOML ("),
        ("[[endpoint]]\nmodel = 'm'", "endpoint 1: needs url, of a server, or ray, the dashboard"),
        ("[[endpoint]]\nurl = 'http://a/v1'\nray = 'http://a:8265'", "and not both"),
        (
            "[[endpoint]]\nray = 'a:8265'",
            "endpoint 1, ray: takes the dashboard of a Ray cluster, like http://",
        ),
        ("[[endpoint]]\nray = 'http://a:8265'\npaid = true\ntokens_per_day = 5", "paid = true needs url"),
        (
            "[[endpoint]]\nurl = 'http://a/v1'\nurll = 1",
            "endpoint 1, urll: is unknown; did you mean url?",
        ),
        ("[[endpoint]]\nurl = 'h:80'", "endpoint 1, url: takes a base URL like http://127.0.0.1:8000/v1"),
        ("[[endpoint]]\nurl = 'http://a:b@c/v1'", "endpoint 1, url: takes a base URL"),
        ("[[endpoint]]\nurl = 3", "endpoint 1, url: "),
        ("[[endpoint]]\nurl = 'http://a/v1'\nweight = 0", "endpoint 1, weight: "),
        ("[[endpoint]]\nurl = 'http://a/v1'\nweight = nan", "endpoint 1, weight: "),
        ("[[endpoint]]\nurl = 'http://a/v1'\nmost_calls = 0", "endpoint 1, most_calls: "),
        ("[[endpoint]]\nurl = 'http://a/v1'\nmost_calls = 'all'", "endpoint 1, most_calls: "),
        ("[[endpoint]]\nurl = 'http://a/v1'\ntimeout_s = -1", "endpoint 1, timeout_s: "),
        ("[[endpoint]]\nurl = 'http://a/v1'\npaid = true", "paid = true needs tokens_per_day or money_per"),
        ("[[endpoint]]\nurl = 'http://a/v1'\ntokens_per_day = 5", "are for servers with paid = true"),
        (
            "[[endpoint]]\nurl = 'http://a/v1'\npaid = true\nmoney_per_day = 5",
            "money_per_day needs price_in and price_out",
        ),
        (
            "[[endpoint]]\nurl = 'http://a/v1'\npaid = true\nmoney_per_day = inf\nprice_in=1\nprice_out=1",
            "endpoint 1, money_per_day: ",
        ),
        (
            "[[endpoint]]\nurl='http://a/v1'\npaid=true\ntokens_per_day=5\nmoney_per_day=1\nprice_in=1",
            "and not both",
        ),
        (
            "[[endpoint]]\nurl = 'http://a/v1'\npaid = true\ntokens_per_day = 5\nprice_in = 1",
            "prices are for money_per_day",
        ),
        ("[[endpoint]]\nurl = 'http://a/v1'\nkey_env = 'NONE'", "key_env is 'NONE', which neither the"),
    ],
)
def test_a_file_that_says_something_else(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "e.toml"
    path.write_text(text)
    line = wrong(path)
    assert line.startswith(f"{path}: ") and said in line, line


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "e.toml"
    path.write_bytes(b"\xff\xfe\x00")
    assert wrong(path) == f"{path}: not UTF-8 text."


def test_a_key_is_never_shown(file: Path) -> None:
    assert "sk secret" not in wrong(file, environ={"BIG_KEY": "sk secret"})


@pytest.mark.parametrize("again", ["http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1/"])
def test_one_that_is_there_twice(tmp_path: Path, again: str) -> None:
    said = wrong("http://127.0.0.1:8000/v1", again)
    assert "twice: leave one out" in said
    path = tmp_path / "e.toml"
    path.write_text(f"[[endpoint]]\nurl='http://127.0.0.1:8000/v1'\n[[endpoint]]\nurl='{again}'")
    assert "twice" in wrong(path)


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_whatever_is_in_it(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "e.toml")
        path.write_text(text, "utf-8", errors="replace")
        wrong(path)


# --- and `check`, before a miner begins


def test_check_reads_the_file(reads: Reads, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = reads("--miner.llm_client.base_url", str(file))
    with pytest.raises(SettingsError, match="endpoint 2: key_env is 'BIG_KEY'"):
        check(config)
    assert config.secrets() == [], "a broken file does not stop what only shows settings"
    monkeypatch.setenv("BIG_KEY", "sk-big")
    check(config)
    assert config.secrets() == ["sk-big"]


def test_check_misses_a_key(reads: Reads, tmp_path: Path) -> None:
    path = tmp_path / "e.toml"
    path.write_text("[[endpoint]]\nurl = 'https://api.example.com/v1'\n")
    with pytest.raises(SettingsError) as caught:
        check(reads("--miner.llm_client.base_url", str(path)))
    assert str(caught.value).startswith("api.example.com needs a key: set the endpoint's key_env")
    path.write_text("[[endpoint]]\nurl = 'https://gpu.local/v1'\n")
    check(reads("--miner.llm_client.base_url", str(path)))


def test_each_address_is_checked(reads: Reads) -> None:
    with pytest.raises(SettingsError) as caught:
        check(reads("--miner.llm_client.base_url", "http://127.0.0.1:8000/v1,https://api.example.com/v1"))
    assert "api.example.com" in str(caught.value) and len(str(caught.value).split("\n")) == 1


def test_the_environment_is_the_process_s_unless_said() -> None:
    assert endpoints(LlmClientSettings()) == endpoints(LlmClientSettings(), os.environ)
