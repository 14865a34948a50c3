"""Settings: one typed, frozen tree. Flags, environment and `.env` fill it; it is validated at start.

The flags are the documented ones, verbatim: `--wallet.name`, `--axon.port`,
`--miner.llm_client.base_url`. This module is the tree; `logicnet.config` reads and explains it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Port = Annotated[int, Field(ge=1, le=65535)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Wallet(_Frozen):
    name: str = Field("default", description="coldkey name")
    hotkey: str = Field("default", description="hotkey name; its private key signs for this miner")
    path: Path = Field(Path("~/.bittensor/wallets"), description="folder of wallets")


class Subtensor(_Frozen):
    network: str = Field("finney", description="finney, test, local, or a ws:// or wss:// address")


class ChainFile(_Frozen):
    file: Path | None = Field(None, description="JSON or TOML file of neurons, for --offline")
    refresh_s: float = Field(60.0, ge=0.1, description="seconds between metagraph refreshes")
    timeout_s: float = Field(30.0, gt=0, description="seconds that one call to the chain may take")


class Axon(_Frozen):
    host: str | None = Field(None, description="address to bind; all interfaces, or loopback with --offline")
    port: Port = Field(8091, description="port to bind")
    external_ip: str | None = Field(None, description="address published on the chain, if not the one seen")
    external_port: Port | None = Field(None, description="port published on the chain, if not axon.port")
    allow_unbound: bool = Field(
        False, description="accept btauth requests signed without a receiver (a rival can relay those)"
    )


class LlmClient(_Frozen):
    base_url: str = Field("http://127.0.0.1:8000/v1", description="OpenAI-compatible base URL")
    model: str | None = Field(None, description="model name; the server's first one if not given")
    key: SecretStr | None = Field(None, description="API key; OPENAI_API_KEY if not given")


class Miner(_Frozen):
    category: str = Field("Logic", description="what we tell validators we answer")
    epoch_volume: int = Field(512, ge=1, description="challenges promised per interval, all validators together")
    limit_interval: float = Field(600.0, gt=0, description="seconds that a quota is for")
    min_stake: float = Field(10_000.0, ge=0, description="stake that admits a validator without a permit")
    max_in_flight: int = Field(64, ge=1, description="challenges solved at once; the rest wait, highest stake first")
    solver: str = Field("direct", description="name of the solver")
    llm_client: LlmClient = LlmClient()


class Ledger(_Frozen):
    path: Path | None = Field(None, description="SQLite file; ~/.logicnet/WALLET-HOTKEY.sqlite if not given")


class Logging(_Frozen):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
    debug: bool = Field(False, description="say more")
    trace: bool = Field(False, description="say everything")
    json_lines: bool = Field(False, alias="json", description="one JSON object a line")


class Settings(_Frozen):
    netuid: int = Field(35, ge=0, description="subnet")
    offline: bool = Field(False, description="mine without a chain; the network comes from --chain.file")
    wallet: Wallet = Wallet()
    subtensor: Subtensor = Subtensor()
    chain: ChainFile = ChainFile()
    axon: Axon = Axon()
    miner: Miner = Miner()
    ledger: Ledger = Ledger()
    logging: Logging = Logging()
    hf_token: SecretStr | None = Field(None, description="HF_TOKEN: for gated models, used by vLLM")
    wandb_api_key: SecretStr | None = Field(None, description="WANDB_API_KEY: for training runs")
