"""Settings: a frozen, validated tree. `logicnet.config` fills it from flags, environment and `.env`."""

import errno
import re
from dataclasses import dataclass
from datetime import datetime, time
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, SecretStr

from logicnet._util.net import ALL_INTERFACES, LOOPBACK

NETWORKS = ("finney", "test", "local", "archive", "devnet")
"""The networks that bittensor 11 knows by name (`bittensor.settings.NETWORKS`)."""

MASK = "****"
"""Shown instead of a secret."""

LONGEST_S = 86_400.0  # a day; longer is a typing error
MOST = 1_000_000  # challenges; no validator sends more than 80 per interval
MOST_DAYS = 3650  # 0 keeps all


@dataclass(frozen=True, slots=True)
class Takes:
    """What a setting takes: `words` for errors, `metavar` for `--help`."""

    words: str
    metavar: str


@dataclass(frozen=True, slots=True)
class Several:
    """The flag may be repeated; variables separate the values by commas."""


@dataclass(frozen=True, slots=True)
class Known:
    """A variable of other programs that is read if the setting is not given; of several, the first."""

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
        expanded = path.expanduser()
    except RuntimeError as error:  # no home, or no such user
        raise ValueError from error
    try:
        expanded.stat()
    except OSError as error:  # what else is wrong with it, if anything, its user says better
        if error.errno == errno.ELOOP:  # links in a circle
            raise ValueError from error
    return expanded


def _files(text: str) -> str:
    for word in _listed(text):
        _expanded(Path(_printable(word)))
    return text


def _url(text: str, *schemes: str) -> SplitResult:
    """The parts of a URL. ValueError also for a user or password, which logs would show."""
    parts = urlsplit(text)  # drops tabs and line breaks, so `text` is checked too
    fit = parts.scheme in schemes and parts.hostname and parts.port != 0 and parts.username is None
    if not fit or " " in text or not text.isprintable():
        raise ValueError
    return parts


def fit_base_url(text: str) -> str:
    """`text`; ValueError if it is no base URL."""
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


def is_endpoint_file(text: str) -> bool:
    """Whether this is a file of model servers, as opposed to a URL."""
    return text.lower().endswith(".toml") and "://" not in text


def _listed(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")] if "," in text else [text]


def _network(text: str) -> str:
    if text not in NETWORKS:
        _url(text, "ws", "wss")
    return text


def _ip(text: str) -> str:
    return str(ip_address(text))


def _host(text: str) -> str:
    if re.fullmatch(
        r"(?!\d+(\.\d*)*$)[A-Za-z0-9][A-Za-z0-9.-]{0,252}", text
    ):  # a name, not an incomplete address
        return text
    return _ip(text)


_ADDRESSES = re.compile(r",\s*(?=[A-Za-z][A-Za-z0-9+.-]*://)")
"""Between two addresses of apprise, which may hold commas themselves."""


def addresses(secret: SecretStr) -> list[str]:
    """The addresses of apprise in a setting of several."""
    return [url.strip() for url in _ADDRESSES.split(secret.get_secret_value())]


def _receivers(secret: SecretStr) -> SecretStr:
    if not all(re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*://[!-~]+", url) for url in addresses(secret)):
        raise ValueError
    return secret


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one time of day until another, by the clock of this machine; past midnight if `end` is earlier."""

    begin: time
    end: time

    def at(self, now: datetime) -> bool:
        """Whether `now` lies within."""
        begun, ended = now.time() >= self.begin, now.time() >= self.end
        return begun and not ended if self.begin < self.end else begun or not ended

    def __str__(self) -> str:
        return f"{self.begin:%H:%M}-{self.end:%H:%M}"


def _quiet(text: object) -> QuietHours:
    if isinstance(text, QuietHours):
        return text
    if not re.fullmatch(r"\d\d:\d\d-\d\d:\d\d", str(text)):
        raise ValueError
    begin, end = map(time.fromisoformat, str(text).split("-"))
    if begin == end:
        raise ValueError
    return QuietHours(begin, end)


Switch = Annotated[bool, Takes("true or false", "")]
Word = Annotated[str, AfterValidator(_printable), Takes("a name", "NAME")]
OverQuota = Annotated[Literal["answer", "refuse"], Takes("answer or refuse", "answer|refuse")]
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
Files = Annotated[str, AfterValidator(_files), Several(), Takes("a file", "FILE")]
JudgeUrl = Annotated[
    str, AfterValidator(fit_base_url), Takes("a base URL like http://127.0.0.1:8000/v1", "URL")
]
Calls = Annotated[int, Field(ge=1, le=3600), Takes("a whole number from 1 to 3600", "N")]
Price = Annotated[str, AfterValidator(_printable), Takes("a number or a file", "USD|FILE")]
Cost = Annotated[float, Field(ge=0), Takes("a number, 0 or more", "USD")]
Seconds = Annotated[
    float, Field(gt=0, le=LONGEST_S), Takes(f"a number above 0, up to {LONGEST_S:.0f}", "SECONDS")
]
Network = Annotated[
    str,
    AfterValidator(_network),
    Takes(f"{', '.join(NETWORKS)}, or a ws:// or wss:// address", "NETWORK"),
]
Hours = Annotated[float, Field(gt=0, le=336), Takes("a number of hours above 0, up to 336", "HOURS")]
Slots = Annotated[int, Field(ge=1, le=64), Takes("a whole number from 1 to 64", "N")]
Gpus = Annotated[int, Field(ge=0, le=64), Takes("a whole number from 0 to 64", "N")]
Families = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_, -]*$"), Takes("names of families, separated by commas", "FAMILIES")
]
Isolated = Annotated[
    Literal["auto", "docker", "process"], Takes("auto, docker or process", "auto|docker|process")
]
EngineName = Annotated[Literal["local", "ray"], Takes("local or ray", "local|ray")]
ReportTo = Annotated[Literal["none", "trackio"], Takes("none or trackio", "none|trackio")]
BaseUrl = Annotated[
    str,
    AfterValidator(_base_urls),
    Several(),
    Takes(
        "a base URL like http://127.0.0.1:8000/v1, without password, query or endpoint, or a .toml file",
        "URL",
    ),
]


Receivers = Annotated[
    SecretStr,
    AfterValidator(_receivers),
    Several(),
    Takes("addresses that apprise knows, like tgram://TOKEN/CHAT or json://HOST/PATH", "URL"),
]
Quiet = Annotated[QuietHours, PlainValidator(_quiet), Takes("two times of day, like 22:00-07:00", "FROM-TO")]


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
    model_config = ConfigDict(title="Wallet")

    name: KeyName = Field("default", description="coldkey name")
    hotkey: KeyName = Field("default", description="hotkey name; its private key signs for this miner")
    path: Folder = Field(Path("~/.bittensor/wallets"), description="folder of wallets")


class SubtensorSettings(_Frozen):
    model_config = ConfigDict(title="Chain")

    network: Network = Field("finney", description="network to mine on")


class ChainFileSettings(_Frozen):
    model_config = ConfigDict(title="Metagraph")

    file: File | None = Field(None, description="JSON or TOML file of neurons, for --offline")
    refresh_s: Seconds = Field(60.0, description="seconds between metagraph refreshes")
    timeout_s: Seconds = Field(30.0, description="seconds that one call to the chain may take")


class AxonSettings(_Frozen):
    model_config = ConfigDict(title="Axon")

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
    allow_counters: Switch = Field(
        False, description="accept bittensor before 7.2, whose nonces are counters and never expire"
    )
    allow_unbound: Switch = Field(
        False, description="accept btauth requests signed without a receiver (a rival can relay those)"
    )


class LlmClientSettings(_Frozen):
    model_config = ConfigDict(title="Model server")

    base_url: BaseUrl = Field(
        "http://127.0.0.1:8000/v1", description="OpenAI-compatible base URL, or several, or a file of them"
    )
    model: Word | None = Field(None, description="model name as served; the server's first if not given")
    key: Annotated[Secret | None, Known("OPENAI_API_KEY")] = Field(
        None, description="API key of the model server"
    )

    @property
    def sources(self) -> list[str]:
        """Each base URL or TOML file."""
        return _listed(self.base_url)


class MinerSettings(_Frozen):
    model_config = ConfigDict(title="Mining")

    category: Word = Field("Logic", description="category that validators are told")
    epoch_volume: Count = Field(512, description="challenges announced per interval, all validators together")
    limit_interval: Seconds = Field(600.0, description="seconds that a quota covers")
    over_quota: OverQuota = Field(
        "answer", description="challenges beyond a quota: answered while more than half of the slots are free"
    )
    min_stake: Stake = Field(10_000.0, description="stake that admits a validator without a permit")
    max_in_flight: Count = Field(
        64, description="challenges solved at once; the rest wait, highest stake first"
    )
    solver: Word = Field("race", description="how challenges are answered; `logicnet solvers` lists them")
    wire: Word = Field("logicnet", description="what the subnet asks and expects, of the packages installed")
    profiles: File | None = Field(None, description="TOML file with your own model profiles")
    shadow: Word | None = Field(
        None,
        description="a second solver, tried on real challenges in idle moments; its answers are not sent",
    )
    shadow_share: Share = Field(0.05, description="share of the challenges that --miner.shadow is tried on")
    llm_client: LlmClientSettings = LlmClientSettings()


class LedgerSettings(_Frozen):
    model_config = ConfigDict(title="Ledger")

    path: File | None = Field(None, description="SQLite file; ~/.logicnet/WALLET-HOTKEY.sqlite if not given")
    keep_days: Days = Field(
        30, description="days that challenges, refusals and quotas are kept; 0 keeps them for ever"
    )


class AdminSettings(_Frozen):
    model_config = ConfigDict(title="Telemetry: /metrics for Prometheus, /state for the console")

    host: Host = Field(LOOPBACK, description="address to bind; every client that reaches it may read")
    port: Port | None = Field(
        None, description="port to bind; any free one if not given, which the console finds"
    )


class ConsoleSettings(_Frozen):
    model_config = ConfigDict(title="Console")

    host: Host = Field(LOOPBACK, description="address to bind; any but loopback needs a password")
    port: Port = Field(8350, description="port to bind")
    proxy: Ip | None = Field(
        None, description="address of a reverse proxy; only its X-Forwarded-For is trusted"
    )
    password: Secret | None = Field(None, description="password of the page; 12 characters or more")
    notify: Receivers | None = Field(
        None, description="where alerts are pushed: an address of apprise, or several; better in .env"
    )
    quiet: Quiet | None = Field(
        None,
        description="hours without pushed alerts, by this machine's clock; what lasts is sent after them",
    )
    judge: JudgeUrl | None = Field(
        None, description="base URL of a model that judges a share of the answers, in the console's process"
    )
    judge_model: Word | None = Field(None, description="its name; the server's first if not given")
    judge_key: Secret | None = Field(None, description="API key of that server")
    judge_calls: Calls = Field(30, description="calls to it an hour, at most")
    also: Files | None = Field(
        None,
        description="ledgers of other miners on this machine, a row for each; default: those of SN35_HOTKEYS",
    )
    price: Price | None = Field(
        None, description="dollars for one TAO, or a file that holds them; nothing is looked up"
    )
    gpu_cost_h: Cost | None = Field(None, description="dollars an hour that all GPUs of the miner cost")

    @property
    def receivers(self) -> list[str]:
        """Each address of `notify`."""
        return addresses(self.notify) if self.notify is not None else []

    @property
    def ledgers(self) -> list[Path]:
        """Each file of `also`."""
        return [Path(word).expanduser() for word in _listed(self.also or "") if word]


class ServeSettings(_Frozen):
    model_config = ConfigDict(title="The solver as a model: `logicnet serve`")

    host: Host = Field(LOOPBACK, description="address to bind; any but loopback needs a key")
    port: Port = Field(8400, description="port to bind")
    key: Secret | None = Field(None, description="key that callers send: Authorization: Bearer KEY")
    deadline: Seconds = Field(60.0, description="seconds until a reply, where a request names none")


class TuningSettings(_Frozen):
    model_config = ConfigDict(title="Tuning: `logicnet tune`")

    folder: Folder = Field(Path("~/.logicnet/tuning"), description="folder of the queue, jobs and downloads")
    host: Host = Field(
        LOOPBACK, description="address to bind; any but loopback asks for a token or a signature"
    )
    port: Port = Field(7999, description="port to bind")
    token: Secret | None = Field(None, description="token that callers send: Authorization: Bearer TOKEN")
    python: File | None = Field(
        None,
        description="interpreter that has TRL and PEFT; .venv-tune/bin/python of the checkout if not given",
    )
    accepted_families: Annotated[Families, Known("ACCEPTED_MODEL_FAMILIES")] = Field(
        "", description="families of models that are accepted, separated by commas; all if empty"
    )
    max_text_hours: Annotated[Hours, Known("MAX_TEXT_TASK_HOURS")] = Field(
        12.0, description="longest text task that is accepted"
    )
    max_image_hours: Annotated[Hours, Known("MAX_IMAGE_TASK_HOURS")] = Field(
        3.0, description="longest image task that is accepted"
    )
    concurrent_jobs: Annotated[Slots, Known("MINER_MAX_CONCURRENT_JOBS")] = Field(
        1, description="jobs trained at once"
    )
    gpus: Gpus = Field(
        1,
        description="GPUs that a text job trains on, one process each; 0 on a Ray cluster that has none",
    )
    queue_size: Annotated[Count, Known("MAX_QUEUE_SIZE")] = Field(5, description="jobs that may wait")
    isolation: Isolated = Field("auto", description="where a trainer runs; auto: in docker if it answers")
    image: Word = Field("logicnet-trainer", description="docker image of the trainer")
    network: Switch = Field(False, description="let trainers use the network; else only downloads do")
    allow_reward_code: Switch = Field(
        False, description="run reward functions that a GRPO request brings: foreign code, in isolation"
    )
    engine: EngineName = Field("local", description="where jobs run: on this machine, or on a Ray cluster")
    ray_address: Word | None = Field(None, description="of the Ray cluster, such as http://10.0.0.1:8265")
    text_repo: Word | None = Field(
        None, description="repository and commit that /training_repo/text names, as URL@COMMIT"
    )
    image_repo: Word | None = Field(None, description="the same for /training_repo/image")
    wandb_project: Word | None = Field(None, description="Weights & Biases project that training logs to")
    wandb_entity: Word | None = Field(None, description="its entity")
    report_to: ReportTo = Field("none", description="trackio logs every training on this machine")

    improve: Switch = Field(
        False, description="practise, train, prove and swap adapters unattended, while no challenge is open"
    )

    @property
    def families(self) -> frozenset[str]:
        """Those that are accepted; empty for all."""
        return frozenset(filter(None, (one.strip().lower() for one in self.accepted_families.split(","))))


class LoggingSettings(_Frozen):
    model_config = ConfigDict(title="Log, to stderr")

    debug: Switch = Field(False, description="log more")
    trace: Switch = Field(False, description="log everything, with tracebacks")
    json_lines: Switch = Field(False, alias="json", description="one JSON object a line")


class Settings(_Frozen):
    """All settings. `logicnet.config` reads them."""

    model_config = ConfigDict(title="Subnet")

    netuid: Netuid = Field(35, description="subnet to mine on")
    offline: Switch = Field(False, description="mine without a chain; the network comes from --chain.file")
    hf_token: Annotated[
        Secret | None, Known("HF_TOKEN"), Known("HF_ACCESS_TOKEN"), Known("HUGGINGFACE_TOKEN")
    ] = Field(
        None, description="Hugging Face token, for gated models: of `logicnet vllm` and `logicnet tune`"
    )
    wandb_api_key: Annotated[Secret | None, Known("WANDB_API_KEY")] = Field(
        None, description="Weights & Biases key, for --tuning.wandb_project"
    )
    wallet: WalletSettings = WalletSettings()
    subtensor: SubtensorSettings = SubtensorSettings()
    chain: ChainFileSettings = ChainFileSettings()
    axon: AxonSettings = AxonSettings()
    miner: MinerSettings = MinerSettings()
    ledger: LedgerSettings = LedgerSettings()
    admin: AdminSettings = AdminSettings()
    console: ConsoleSettings = ConsoleSettings()
    serve: ServeSettings = ServeSettings()
    tuning: TuningSettings = TuningSettings()
    logging: LoggingSettings = LoggingSettings()

    @property
    def bind_host(self) -> str:
        """The address to bind: --axon.host, or loopback with --offline, or all interfaces."""
        return self.axon.host or (LOOPBACK if self.offline else ALL_INTERFACES)
