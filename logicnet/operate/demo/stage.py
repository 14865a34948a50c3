"""What the demo plays on: a vLLM on the CPU, wallets, a network of four neurons, a miner."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from logicnet._util.processes import Child
from logicnet.chain import Signer
from logicnet.errors import LogicnetError
from logicnet.operate.serving.vllm.launch import LORA_SLOTS

STAKES = {"alice": 60_000.0, "bob": 25_000.0, "charlie": 11_000.0}
"""The validators and their stake (alpha). All have a permit."""

EPOCH_VOLUME = 96  # what the miner promises; by stake the three get 60, 25 and 11 of it
SERVED_AS = "smollm2"

# For a model of 0.3 GB on a CPU: 1 GB of KV cache holds about 40,000 tokens of it. Without
# --enforce-eager vLLM first compiles, for a minute and a half.
_VLLM_FLAGS = ("--max-model-len", "2048", "--enforce-eager")
_VLLM_ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}

_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")  # as Linux names the instructions, x86 and ARM
_CPUINFO = Path("/proc/cpuinfo")

_SETUP = Path(__file__).resolve().parents[3] / "scripts" / "setup"

_LORA_SLOTS = ("--max-loras", LORA_SLOTS, "--max-cpu-loras", LORA_SLOTS)
_LORA_FLAGS = ("--enable-lora", *_LORA_SLOTS, "--max-lora-rank", "16")
_LORA_ENVIRONMENT = {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}  # it listens on the loopback alone


def dtype(cpuinfo: Path = _CPUINFO) -> str:
    """What vLLM computes in on this CPU. Without instructions for bfloat16, float32 is ten times as fast."""
    try:
        words = cpuinfo.read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return "float32"
    return "bfloat16" if not set(_BFLOAT16).isdisjoint(words) else "float32"


@dataclass(frozen=True, slots=True)
class Stage:
    """An interpreter that has vLLM, a model's folder, and a folder for all that the demo writes."""

    vllm_python: Path = Path(".venv-vllm/bin/python")
    model: Path = Path(".run/model/smollm2")
    folder: Path = Path(".run/demo")

    def check(self) -> None:
        """Raise LogicnetError if vLLM or the model is not there."""
        for name, path, step in (("vLLM", self.vllm_python, "vllm"), ("the model", self.model, "model")):
            if not path.exists():
                mend = f"`make demo` sets it up (or scripts/setup {step})"
                if not _SETUP.is_file():  # installed from a wheel
                    mend = (
                        "the demo needs a copy of the repository, where `make demo` sets it up. "
                        "`logicnet mine --offline --chain.file FILE` tries the miner on any model server"
                    )
                raise LogicnetError(f"{name} is not at {path}: {mend}")

    def start_vllm(self, port: int, served_as: str = SERVED_AS, *, loras: bool = False) -> Child:
        """With `loras` it takes adapters while it runs."""
        argv = [str(self.vllm_python.absolute()), "-m", "vllm.entrypoints.openai.api_server"]
        argv += ["--model", str(self.model.absolute()), "--served-model-name", served_as]
        argv += ["--host", "127.0.0.1", "--port", str(port), *_VLLM_FLAGS, "--dtype", dtype()]
        argv += _LORA_FLAGS if loras else ()
        caches = {"VLLM_CACHE_ROOT": str(self.folder.absolute() / "cache")}  # not the user's home
        env = environment() | _VLLM_ENVIRONMENT | caches | (_LORA_ENVIRONMENT if loras else {})
        log = self.folder / ("vllm.log" if served_as == SERVED_AS else f"vllm-{served_as}.log")
        return Child.start("vLLM", argv, log=log, env=env)

    def start_miner(self, port: int, vllm_port: int, *flags: str) -> Child:
        """With more `flags` of `mine`."""
        folder = self.folder.absolute()
        argv = [sys.executable, "-m", "logicnet", "mine", "--offline"]
        argv += ["--chain.file", str(folder / "network.json")]
        argv += ["--wallet.path", str(folder / "wallets")]
        argv += ["--wallet.name", "demo", "--wallet.hotkey", "miner"]
        argv += ["--axon.host", "127.0.0.1", "--axon.port", str(port)]
        argv += ["--ledger.path", str(folder / "ledger.sqlite"), "--miner.epoch_volume", str(EPOCH_VOLUME)]
        argv += ["--miner.llm_client.base_url", f"http://127.0.0.1:{vllm_port}/v1", *flags]
        # In its own folder, where no `.env` of a real miner lies.
        return Child.start("the miner", argv, log=folder / "miner.log", env=environment(), cwd=folder)

    def prepare_network(self) -> dict[str, Signer]:
        """Wallets (reused), a new ledger, network.json; the hotkeys of miner, alice, bob and charlie."""
        for old in self.folder.glob("ledger.sqlite*"):
            old.unlink()
        keys = {name: hotkey(self.folder / "wallets", name) for name in ("miner", *STAKES)}
        stakes = {keys[name].ss58_address: stake for name, stake in STAKES.items()}
        write_network(self.folder / "network.json", keys["miner"].ss58_address, stakes)
        return keys


def hotkey(wallets: Path, name: str) -> Signer:
    """The hotkey `name` of the wallet `demo` in the folder `wallets`, made if it is not there."""
    from bittensor import Wallet  # noqa: PLC0415  (a third of a second)

    wallet = Wallet("demo", name, path=str(wallets))
    if not wallet.coldkey_file.exists_on_device():
        wallet.create_new_coldkey(use_password=False, suppress=True)
    if not wallet.hotkey_file.exists_on_device():
        wallet.create_new_hotkey(suppress=True)
    key: Signer = wallet.hotkey
    return key


def write_network(file: Path, miner_ss58: str, validators: Mapping[str, float]) -> None:
    """The network for `--offline`: the miner is uid 0; `validators` (ss58 to stake) follow, with permits."""
    neurons = [{"uid": 0, "hotkey": miner_ss58, "stake": 0.0, "validator_permit": False}]
    for uid, (ss58, stake) in enumerate(validators.items(), start=1):
        neurons.append({"uid": uid, "hotkey": ss58, "stake": stake, "validator_permit": True})
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"neurons": neurons}, indent=2))


def environment() -> dict[str, str]:
    """Ours, without the settings of another miner or model server."""
    foreign = ("LOGICNET_", "VLLM_", "OPENAI_", "PYTHONPATH", "PYTHONHOME")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
