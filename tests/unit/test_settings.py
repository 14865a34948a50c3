"""The tree itself: what each kind of leaf takes, and that it keeps what it was given to itself."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from logicnet.settings import (
    AxonSettings,
    ChainFileSettings,
    LedgerSettings,
    LlmClientSettings,
    MinerSettings,
    Settings,
    SubtensorSettings,
    WalletSettings,
)


def refused(model: type[BaseModel], **fields: Any) -> bool:
    try:
        model(**fields)
    except ValidationError:
        return True
    return False


def test_making_one_reads_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("LOGICNET_AXON__PORT=1\n")
    for name, value in {"LOGICNET_NETUID": "9", "NETUID": "9", "OPENAI_API_KEY": "sk-environment"}.items():
        monkeypatch.setenv(name, value)
    assert Settings() == Settings(
        netuid=35, axon=AxonSettings(port=8091), miner=MinerSettings(llm_client=LlmClientSettings(key=None))
    )


@pytest.mark.parametrize("branch", ["self", "wallet", "miner", "llm_client"])
def test_it_is_frozen(branch: str) -> None:
    settings = Settings()
    thing, leaf = {
        "self": (settings, "netuid"),
        "wallet": (settings.wallet, "name"),
        "miner": (settings.miner, "solver"),
        "llm_client": (settings.miner.llm_client, "model"),
    }[branch]
    with pytest.raises(ValidationError, match="frozen"):
        setattr(thing, leaf, "other")


def test_unknown_leaves_are_refused() -> None:
    assert refused(Settings, nonsense=1)
    assert refused(WalletSettings, nonsense=1)


def test_no_secret_in_any_representation() -> None:
    settings = Settings(
        miner=MinerSettings(llm_client=LlmClientSettings(key="sk-a-secret")), hf_token="hf-a-secret"
    )
    assert settings.miner.llm_client.key and settings.miner.llm_client.key.get_secret_value() == "sk-a-secret"
    for shown in (repr(settings), str(settings), settings.model_dump_json(), f"{settings.miner.llm_client}"):
        assert "a-secret" not in shown


def test_no_secret_in_an_error() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(hf_token="hf a secret", miner={"llm_client": {"key": "sk a secret"}})
    assert "secret" not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/v1",
        "http://localhost:8000",
        "https://api.openai.com/v1",
        "https://api.openai.com/v1/",
        "http://[::1]:8000/v1",
        "HTTP://gpu-box/v1",
    ],
)
def test_base_urls_taken(url: str) -> None:
    assert LlmClientSettings(base_url=url).base_url == url


@pytest.mark.parametrize(
    "url",
    [
        *("", "127.0.0.1:8000/v1", "localhost", "ftp://host/v1", "http://", "http:///v1", "//host/v1"),
        *("http://host:0/v1", "http://host:65536/v1", "http://host:port/v1", "http://[::1/v1"),
        *("http://user:password@host/v1", "http://key@host/v1", "http://host/v1?key=1", "http://host/v1#x"),
        *("http://ho st/v1", "http://host/v1\n", "\thttp://host/v1", "http://host/\u202ev1"),
        *("http://host/v1/chat/completions", "http://host/v1/completions/", "http://host/v1/models"),
    ],
)
def test_base_urls_refused(url: str) -> None:
    assert refused(LlmClientSettings, base_url=url)


@pytest.mark.parametrize(
    "network", ["finney", "test", "local", "ws://127.0.0.1:9944", "wss://a.b/ws?apikey=x"]
)
def test_networks_taken(network: str) -> None:
    assert SubtensorSettings(network=network).network == network


@pytest.mark.parametrize(
    "network", ["", "Finney", "finny", "http://host", "ws://", "wss://u:p@host", "host:9944"]
)
def test_networks_refused(network: str) -> None:
    assert refused(SubtensorSettings, network=network)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "127.0.0.1", "::", "::1", "localhost", "miner.example.com", "10-0-0-1.x"]
)
def test_hosts_taken(host: str) -> None:
    assert AxonSettings(host=host).host == host


@pytest.mark.parametrize("host", ["", "999.1.1.1", "10.0.0", "1", "a b", "http://x", "x:80", "-x", "[::1]"])
def test_hosts_refused(host: str) -> None:
    assert refused(AxonSettings, host=host)


@pytest.mark.parametrize("ip", ["203.0.113.7", "2001:db8::1"])
def test_external_addresses_taken(ip: str) -> None:
    assert AxonSettings(external_ip=ip).external_ip == ip


@pytest.mark.parametrize("ip", ["", "miner.example.com", "203.0.113", "203.0.113.256", "203.0.113.7:8091"])
def test_external_addresses_refused(ip: str) -> None:
    assert refused(AxonSettings, external_ip=ip)


@pytest.mark.parametrize(
    ("model", "leaf", "taken", "not_taken"),
    [
        (AxonSettings, "port", ["1", "65535", 8091], ["0", "65536", "-1", "80.5", "x", "", "nan"]),
        (AxonSettings, "external_port", ["1"], ["0", "x"]),
        (Settings, "netuid", ["0", "35", "65535"], ["-1", "65536", "x"]),
        (MinerSettings, "epoch_volume", ["1", "512"], ["0", "-1", "1e3x", "nan", "inf", "1000001"]),
        (MinerSettings, "max_in_flight", ["1"], ["0"]),
        (MinerSettings, "limit_interval", ["600", "0.5"], ["0", "-1", "nan", "inf", "1e300"]),
        (MinerSettings, "min_stake", ["0", "10000", "1e6"], ["-1", "nan", "inf", "-inf"]),
        (LedgerSettings, "keep_days", ["0", "30", "3650"], ["-1", "0.5", "3651", "x", "", "nan"]),
        (ChainFileSettings, "refresh_s", ["0.1"], ["0", "nan"]),
        (ChainFileSettings, "timeout_s", ["30"], ["0", "inf"]),
        (Settings, "offline", ["true", "false", "1", "no"], ["maybe", ""]),
        (MinerSettings, "category", ["Logic"], ["", " ", " Logic", "Lo\ngic", "Lo\x1b[31mgic"]),
        (MinerSettings, "solver", ["direct"], [""]),
        (MinerSettings, "shadow", ["direct"], [""]),
        (MinerSettings, "shadow_share", ["0", "0.05", "1"], ["-0.01", "1.01", "5%", "nan", "x"]),
        (WalletSettings, "name", ["default", "my key", "5.0"], ["", "..", "a/b", "/etc", "a\\b", "a\n"]),
        (WalletSettings, "hotkey", ["default"], ["../../other/hotkeys/x"]),
        (LlmClientSettings, "key", ["sk-1_2.3"], ["", "a b", "a\n", "clé"]),
    ],
)
def test_what_each_leaf_takes(
    model: type[BaseModel], leaf: str, taken: list[object], not_taken: list[object]
) -> None:
    assert [value for value in taken if refused(model, **{leaf: value})] == []
    assert [value for value in not_taken if not refused(model, **{leaf: value})] == []


def test_a_home_in_a_path_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ChainFileSettings(file="~/network.json").file == tmp_path / "network.json"
    assert WalletSettings(path="~").path == tmp_path
    assert refused(WalletSettings, path="~nobody-of-that-name/wallets")


def test_links_in_a_circle_are_no_path(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert refused(WalletSettings, path=tmp_path / "a")


def test_a_miner_without_a_chain_binds_to_loopback_unless_told_otherwise() -> None:
    assert Settings().bind_host == "0.0.0.0"
    assert Settings(offline=True).bind_host == "127.0.0.1"
    assert Settings(offline=True, axon=AxonSettings(host="0.0.0.0")).bind_host == "0.0.0.0"
