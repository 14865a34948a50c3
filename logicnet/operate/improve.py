"""`logicnet tune improve`: builds the loop from settings and options, and runs it."""

import asyncio
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from logicnet._util.processes import Child
from logicnet._util.stopping import interruptible
from logicnet.config import endpoints
from logicnet.errors import SettingsError, TuningError
from logicnet.evals.report import page
from logicnet.ledger import ledger_path
from logicnet.operate.adapters import swapper
from logicnet.scoring import similarity
from logicnet.scoring.options import ModelServer
from logicnet.settings import Settings
from logicnet.tuning.improve.adapters import Adapter, Form
from logicnet.tuning.improve.hosts import BesideBase, CandidateHost, OwnServer, StartServer
from logicnet.tuning.improve.loop import ImproveLoop
from logicnet.tuning.improve.options import ImproveOptions
from logicnet.tuning.improve.round_work import RoundContext
from logicnet.tuning.improve.rounds import Rounds
from logicnet.tuning.improve.server import LoraServer
from logicnet.tuning.improve.training import QueueTrainer
from logicnet.tuning.workshop import Workshop

ROUNDS = "rounds"
"""Below --tuning.folder."""


def run(
    options: ImproveOptions,
    settings: Settings,
    say: Callable[[str], None] = print,
    start: StartServer | None = None,
    *,
    keeps_merged: bool = False,
) -> int:
    """Rounds until there is a reason to stop. Returns the exit status. Raises LogicnetError.

    `start` starts a model server for a merged candidate; default: by --vllm-python, if that is given.
    `keeps_merged`: swap to it although it ends with this call, which is for a demo.
    """
    page.require()
    if options.similarity:
        similarity.require("--no-similarity goes without")
    shop = Workshop.of(settings)
    root = shop.folders.root
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(root / "improve.lock", blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise TuningError(f"another `logicnet tune improve` is at work in {root}: wait for it") from None
    own: OwnServer | None = None
    try:
        served, model = served_model(settings)
        options = options.model_copy(update={"model": options.model or model})
        hosts: dict[Form, CandidateHost] = {}
        server = LoraServer(served.url, served.key.get_secret_value() if served.key else None)
        if options.form != "merged":
            hosts["adapter"] = BesideBase(server, served)
        start = start or (
            _starter(options.vllm_python, shlex.split(options.vllm_flags), root)
            if options.vllm_python is not None
            else None
        )
        if options.form != "adapter" and start is not None:
            hosts["merged"] = own = OwnServer(start)
        if not hosts:
            raise SettingsError("--form merged needs --vllm-python: a Python that has vLLM")

        def swap(adapter: Adapter) -> None:
            swapper(settings, say, own.urls if own is not None else ()).swap(adapter.name)

        context = RoundContext(
            served=served,
            rounds=Rounds(root / ROUNDS),
            store=shop.folders.adapters(),
            trainer=QueueTrainer(shop),
            hosts=hosts,
            swap=swap,
            ledger=ledger_path(settings),
            profiles=settings.miner.profiles,
            keeps_merged=keeps_merged,
            say=say,
        )
        with interruptible():
            say(f"Stopped: {asyncio.run(ImproveLoop(options, context).run())}.")
    except KeyboardInterrupt:
        say("Stopped; the same command goes on from here.")
        return 130
    finally:
        if own is not None:
            own.close()
        lock.release()
    return 0


def served_model(settings: Settings) -> tuple[ModelServer, str | None]:
    """The first model server of the settings that costs nothing, and what its model is made of.

    Raises SettingsError, TuningError if it does not answer.
    """
    spec = next(
        (one for one in endpoints(settings.miner.llm_client) if one.limit is None and not one.ray), None
    )
    if spec is None:
        raise SettingsError(
            "--miner.llm_client.base_url names only paid servers: nothing of theirs is trained"
        )
    server = LoraServer(spec.url, spec.key.get_secret_value() if spec.key else None)
    roots = server.models()
    name = spec.model or next(iter(roots), None)
    if name is None:
        raise TuningError(f"{spec.url} serves no model: `logicnet doctor`")
    return ModelServer(spec.url, name, spec.key), roots.get(name)


def _starter(python: Path, flags: Sequence[str], root: Path) -> StartServer:
    """vLLM with the operator's flags."""

    def start(folder: Path, name: str, port: int) -> Child:
        argv = [str(python.absolute()), "-m", "vllm.entrypoints.openai.api_server"]
        argv += ["--model", str(folder.absolute()), "--served-model-name", name]
        argv += ["--host", "127.0.0.1", "--port", str(port), *flags]
        return Child.start("vLLM of the candidate", argv, log=root / f"{name}.vllm.log")

    return start
