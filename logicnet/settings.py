"""Settings: one typed, frozen tree. Flags, environment and `.env` fill it; it is validated at start.

The flags are the documented ones, verbatim: `--wallet.name`, `--axon.port`,
`--miner.llm_client.base_url`. This module is the tree and what each leaf takes; `logicnet.config`
reads it from where an operator writes it, and explains it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from logicnet._util.net import ALL_INTERFACES, LOOPBACK

NETWORKS = ("finney", "test", "local", "archive", "devnet")
"""The networks that bittensor 11 knows by name (`bittensor.settings.NETWORKS`)."""

MASK = "****"
"""What stands for a secret wherever settings are shown."""

LONGEST_S = 86_400.0  # a day; longer is a slip of the finger
MOST = 1_000_000  # challenges; no validator asks for more than 80 per interval

MOST_DAYS = 3650  # ten years; whoever wants more wants all


@dataclass(frozen=True, slots=True)
class Takes:
    """What a setting takes, as an operator reads it in an error; `metavar` stands for it in `--help`."""

    words: str
    metavar: str


@dataclass(frozen=True, slots=True)
class Several:
    """A flag may be given several times; elsewhere commas stand between the values."""


@dataclass(frozen=True, slots=True)
class Known:
    """A variable of this name, known to other programs too, gives the value where nothing else does."""

    variable: str


def _printable(text: str) -> str:
    if not text or not text.isprintable() or text != text.strip():
        raise ValueError
    return text


def _key_name(text: str) -> str:
    if text in {".", ".."} or "/" in text or "\\" in text:
        raise ValueError
    return _printable(text)


def _secret(secret: SecretStr) -> SecretStr:
    # It travels in an HTTP header.
    if not re.fullmatch(r"[!-~]+", secret.get_secret_value()):
        raise ValueError
    return secret


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:  # no home, or nobody of that name
        raise ValueError from error


def _url(text: str, *schemes: str) -> SplitResult:
    """The parts of a URL. ValueError also for a user or password in it: those would be shown."""
    parts = urlsplit(text)  # it drops tabs and line breaks silently, hence the look at `text`
    fit = parts.scheme in schemes and parts.hostname and parts.port != 0 and parts.username is None
    if not fit or " " in text or not text.isprintable():
        raise ValueError
    return parts


def fit_base_url(text: str) -> str:
    """`text`, if it is a base URL. ValueError if not."""
    parts = _url(text, "http", "https")
    wrong_end = re.search(r"/(chat/completions|completions|models)/?$", parts.path)
    if parts.query or parts.fragment or wrong_end:
        raise ValueError
    return text


def _base_urls(text: str) -> str:
    for word in _listed(text):
        if is_endpoint_file(word):
            _printable(word)
        else:
            fit_base_url(word)
    return text


def is_endpoint_file(place: str) -> bool:
    """Whether this names a file of model servers, and not one of them."""
    return place.lower().endswith(".toml") and "://" not in place


def _listed(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")] if "," in text else [text]


def _network(text: str) -> str:
    if text not in NETWORKS:
        _url(text, "ws", "wss")
    return text


def _ip(text: str) -> str:
    return str(ip_address(text))


def _host(text: str) -> str:
    if re.fullmatch(r"(?!\d+(\.\d*)*$)[A-Za-z0-9][A-Za-z0-9.-]{0,252}", text):  # a name, not a torn address
        return text
    return _ip(text)


Switch = Annotated[bool, Takes("true or false", "")]
Word = Annotated[str, AfterValidator(_printable), Takes("a name", "NAME")]
KeyName = Annotated[str, AfterValidator(_key_name), Takes("the name of a key, not a path", "NAME")]
Secret = Annotated[SecretStr, AfterValidator(_secret), Takes("a key without spaces", "KEY")]
Folder = Annotated[Path, AfterValidator(_expanded), Takes("a folder", "FOLDER")]
File = Annotated[Path, AfterValidator(_expanded), Takes("a file", "FILE")]
Host = Annotated[str, AfterValidator(_host), Takes("an IP address or a host name", "HOST")]
Ip = Annotated[str, AfterValidator(_ip), Takes("an IPv4 or IPv6 address", "IP")]
Port = Annotated[int, Field(ge=1, le=65_535), Takes("a port from 1 to 65535", "PORT")]
Netuid = Annotated[int, Field(ge=0, le=65_535), Takes("a whole number from 0 to 65535", "N")]
Count = Annotated[int, Field(ge=1, le=MOST), Takes(f"a whole number from 1 to {MOST}", "N")]
Days = Annotated[
    int, Field(ge=0, le=MOST_DAYS), Takes(f"a whole number from 0 (for ever) to {MOST_DAYS}", "DAYS")
]
Stake = Annotated[float, Field(ge=0), Takes("a number, 0 or more", "ALPHA")]
Share = Annotated[float, Field(ge=0, le=1), Takes("a share from 0 to 1", "SHARE")]
Seconds = Annotated[
    float, Field(gt=0, le=LONGEST_S), Takes(f"a number above 0, up to {LONGEST_S:.0f}", "SECONDS")
]
Network = Annotated[
    str,
    AfterValidator(_network),
    Takes(f"{', '.join(NETWORKS)}, or a ws:// or wss:// address", "NETWORK"),
]
BaseUrl = Annotated[
    str,
    AfterValidator(_base_urls),
    Several(),
    Takes(
        "a base URL like http://127.0.0.1:8000/v1, without password, query or endpoint, or a .toml file",
        "URL",
    ),
]


class _Frozen(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        validate_by_alias=True,
        validate_by_name=True,
    )


class WalletSettings(_Frozen):
    model_config = ConfigDict(title="Who mines")

    name: KeyName = Field("default", description="coldkey name")
    hotkey: KeyName = Field("default", description="hotkey name; its private key signs for this miner")
    path: Folder = Field(Path("~/.bittensor/wallets"), description="folder of wallets")


class SubtensorSettings(_Frozen):
    model_config = ConfigDict(title="The chain")

    network: Network = Field("finney", description="network to mine on")


class ChainFileSettings(_Frozen):
    model_config = ConfigDict(title="How the network is seen")

    file: File | None = Field(None, description="JSON or TOML file of neurons, for --offline")
    refresh_s: Seconds = Field(60.0, description="seconds between metagraph refreshes")
    timeout_s: Seconds = Field(30.0, description="seconds that one call to the chain may take")


class AxonSettings(_Frozen):
    model_config = ConfigDict(title="Where validators reach this miner")

    host: Host | None = Field(
        None, description="address to bind; all interfaces if not given, loopback with --offline"
    )
    port: Port = Field(8091, description="port to bind")
    external_ip: Ip | None = Field(
        None, description="address published on the chain; the one the internet sees if not given"
    )
    external_port: Port | None = Field(
        None, description="port published on the chain; --axon.port if not given"
    )
    allow_unbound: Switch = Field(
        False, description="accept btauth requests signed without a receiver (a rival can relay those)"
    )


class LlmClientSettings(_Frozen):
    model_config = ConfigDict(title="The model server")

    base_url: BaseUrl = Field(
        "http://127.0.0.1:8000/v1", description="OpenAI-compatible base URL, or several, or a file of them"
    )
    model: Word | None = Field(None, description="model name as served; the server's first if not given")
    key: Annotated[Secret | None, Known("OPENAI_API_KEY")] = Field(
        None, description="API key of the model server"
    )

    @property
    def places(self) -> list[str]:
        """Each base URL or TOML file."""
        return _listed(self.base_url)


class MinerSettings(_Frozen):
    model_config = ConfigDict(title="What is answered, how, and how much of it")

    category: Word = Field("Logic", description="what we tell validators we answer")
    epoch_volume: Count = Field(512, description="challenges promised per interval, all validators together")
    limit_interval: Seconds = Field(600.0, description="seconds that a quota is for")
    min_stake: Stake = Field(10_000.0, description="stake that admits a validator without a permit")
    max_in_flight: Count = Field(
        64, description="challenges solved at once; the rest wait, highest stake first"
    )
    solver: Word = Field("race", description="how challenges are answered; `logicnet solvers` lists them")
    profiles: File | None = Field(None, description="TOML file of model profiles of your own")
    shadow: Word | None = Field(
        None, description="a second solver, tried on real challenges in quiet moments; its answers stay here"
    )
    shadow_share: Share = Field(0.05, description="share of the challenges that --miner.shadow is tried on")
    llm_client: LlmClientSettings = LlmClientSettings()


class LedgerSettings(_Frozen):
    model_config = ConfigDict(title="What happened, on disk")

    path: File | None = Field(None, description="SQLite file; ~/.logicnet/WALLET-HOTKEY.sqlite if not given")
    keep_days: Days = Field(
        30, description="days that challenges, refusals and quotas are kept; 0 keeps them for ever"
    )


class AdminSettings(_Frozen):
    model_config = ConfigDict(
        title="Where the miner is watched: /metrics for Prometheus, /state for the console"
    )

    host: Host = Field(LOOPBACK, description="address to bind; whoever reaches it may look")
    port: Port | None = Field(
        None, description="port to bind; any free one if not given, which the console finds"
    )


class ConsoleSettings(_Frozen):
    model_config = ConfigDict(title="The console's page")

    host: Host = Field(LOOPBACK, description="address to bind; any but loopback needs a password")
    port: Port = Field(8350, description="port to bind")
    proxy: Ip | None = Field(
        None, description="address of a proxy in front: it alone is believed whom it forwards for"
    )
    password: Secret | None = Field(
        None, description="who opens the page must know it; 12 characters or more"
    )


class LoggingSettings(_Frozen):
    model_config = ConfigDict(title="What is said, to stderr")

    debug: Switch = Field(False, description="say more")
    trace: Switch = Field(False, description="say everything, with tracebacks")
    json_lines: Switch = Field(False, alias="json", description="one JSON object a line")


class Settings(BaseSettings):
    """Everything an operator can set. Making one reads nothing: `logicnet.config` fills it."""

    model_config = SettingsConfigDict(
        title="The subnet",
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        env_prefix="LOGICNET_",
        env_nested_delimiter="__",
    )

    netuid: Netuid = Field(35, description="subnet to mine on")
    offline: Switch = Field(False, description="mine without a chain; the network comes from --chain.file")
    hf_token: Annotated[Secret | None, Known("HF_TOKEN")] = Field(
        None, description="Hugging Face token: `logicnet vllm` hands it to vLLM, for gated models"
    )
    wandb_api_key: Annotated[Secret | None, Known("WANDB_API_KEY")] = Field(
        None, description="Weights & Biases key: for training runs, which are not built yet; nothing uses it"
    )
    wallet: WalletSettings = WalletSettings()
    subtensor: SubtensorSettings = SubtensorSettings()
    chain: ChainFileSettings = ChainFileSettings()
    axon: AxonSettings = AxonSettings()
    miner: MinerSettings = MinerSettings()
    ledger: LedgerSettings = LedgerSettings()
    admin: AdminSettings = AdminSettings()
    console: ConsoleSettings = ConsoleSettings()
    logging: LoggingSettings = LoggingSettings()

    @property
    def bind_host(self) -> str:
        """The address to bind: a miner without a chain is nobody else's business unless told otherwise."""
        return self.axon.host or (LOOPBACK if self.offline else ALL_INTERFACES)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # The library's own readers know neither where a value came from nor the nearest name.
        return (init_settings,)
