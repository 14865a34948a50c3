"""The command line, `logicnet ...`. It composes and decides nothing: each command is a few lines into a room.

Exit status: 0 done; 1 it could not be done; 2 asked wrongly (usage, a setting); 130 Ctrl-C. Whatever
goes wrong is said in one line on stderr.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version as version_of
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Literal

import typer
from loguru import logger
from pydantic import SecretStr

from logicnet import logs
from logicnet.config import Config, check, read
from logicnet.config.explain import console, print_config, print_config_json, print_flags
from logicnet.config.started import as_started
from logicnet.errors import LogicnetError, SettingsError
from logicnet.ledger import Table, ledger_path
from logicnet.operate.ledger_tables import Format, report
from logicnet.settings import LoggingSettings

app = typer.Typer(
    help="A reasoning miner for Bittensor: signed challenge in, reasoned answer out, in time.",
    add_completion=False,
    pretty_exceptions_enable=False,
)

TRACE = "LOGICNET_LOGGING__TRACE"
"""The variable of --logging.trace, which commands without settings hear as well."""

# The words that a command does not know are settings, and `logicnet.config` reads those.
WITH_SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True}

# What several commands take.
JudgeUrl = Annotated[
    str | None, typer.Option("--judge-url", "--judge", help="OpenAI-compatible base URL of a judge.")
]
ReferenceUrl = Annotated[
    str | None,
    typer.Option("--reference-url", "--reference-endpoint", help="Of a model to compare reasoning with."),
]
ItsModel = Annotated[str | None, typer.Option(help="Its model; the server's first one.")]
ItsKey = Annotated[str | None, typer.Option(envvar="OPENAI_API_KEY", help="Its API key.", show_default=False)]
EmbeddingModel = Annotated[
    str | None, typer.Option(help="Folder or hub name, if not the installed all-MiniLM-L6-v2.")
]
RunFolder = Annotated[Path | None, typer.Option(help="Folder of the run; a new one below .run.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave out broken lines of it.")]
Catalogue = Annotated[Path | None, typer.Option(help="Another table than ours, TOML in the same form.")]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; `argv` is `sys.argv[1:]` if not given. Returns the exit status."""
    logs.set_up(LoggingSettings(trace=os.environ.get(TRACE, "").lower() == "true"))
    # A script that starts us in the background has Ctrl-C ignored, and Python then leaves it so.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        status = app(words or ["--help"], prog_name="logicnet", standalone_mode=False)
    except SettingsError as error:
        return _say(str(error), 2)
    except LogicnetError as error:
        return _say(str(error), 1)
    except typer.TyperException as error:
        return _say(error.format_message(), error.exit_code)
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # the one boundary: a user gets a line, not a traceback
        logger.opt(exception=error).critical(
            f"Unexpected fault; {TRACE}=true in the environment adds details:"
        )
        return 1
    return status if isinstance(status, int) else 0


@app.callback(invoke_without_command=True)
def root(
    *, show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if show_version:
        version()
        raise typer.Exit


@app.command(context_settings=WITH_SETTINGS, add_help_option=False)
def mine(context: typer.Context) -> None:
    """Mine; the same as `python neurons/miner/miner.py`. `logicnet mine --help` lists every setting."""
    if asks_help(context, "mine [--flag value]...", "Mine until Ctrl-C or SIGTERM."):
        return
    found = settings_of(context)
    check(found)

    from logicnet.miner import run  # noqa: PLC0415 (the other commands need none of what it needs)

    run(found.settings)


@app.command(context_settings=WITH_SETTINGS, add_help_option=False)
def config(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show the settings in force and where each came from; takes the flags of `mine`."""
    about = (
        "Show the settings in force and where each came from; secrets masked. Where .env or the environment "
        "has what pm2 starts (SN35_...), they are those of pm2's miner."
    )
    if asks_help(context, "config [--json] [--flag value]...", about):
        return
    found = pm2s(context)
    if json:
        print_config_json(found)
    else:
        print_config(console(), found)
    check(found)


@app.command(context_settings=WITH_SETTINGS, add_help_option=False)
def doctor(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> int:
    """Find what is wrong with this miner's set-up, and how to mend it; takes the flags of `mine`."""
    from logicnet.operate.doctor.command import ABOUT, run  # noqa: PLC0415

    if asks_help(context, "doctor [--json] [--flag value]...", ABOUT):
        return 0
    return run(pm2s(context), console(), json=json)


@app.command(context_settings=WITH_SETTINGS, add_help_option=False)
def init(
    context: typer.Context,
    *,
    folder: Annotated[Path, typer.Option(help="Where the files go.")] = Path(),
    model: Annotated[str | None, typer.Option(help="What vLLM is to serve here.")] = None,
    vllm_flags: Annotated[str | None, typer.Option(help="Flags for vLLM; as planned if not given.")] = None,
    vllm_python: Annotated[str | None, typer.Option(help="The Python that has vLLM.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: take what is there.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there, and keep it.")] = False,
) -> None:
    """Write `.env` and `ecosystem.config.js` for this machine, from five answers or flags of `mine`."""
    from logicnet.operate.init.answers import InitOptions  # noqa: PLC0415
    from logicnet.operate.init.command import USAGE, run  # noqa: PLC0415

    if asks_help(context, *USAGE):
        return
    run(
        InitOptions(
            flags=context.args,
            folder=folder,
            model=model,
            vllm_flags=vllm_flags,
            vllm_python=vllm_python,
            force=force,
            ask=input if sys.stdin.isatty() and not yes else None,
        )
    )


@app.command(context_settings=WITH_SETTINGS)
def ledger(
    context: typer.Context,
    *,
    epochs: Annotated[bool, typer.Option("--epochs", help="Quotas of validators: promised, given.")] = False,
    challenges: Annotated[bool, typer.Option("--challenges", help="Challenges and their outcome.")] = False,
    refusals: Annotated[bool, typer.Option("--refusals", help="Refusals by reason.")] = False,
    shadows: Annotated[bool, typer.Option("--shadows", help="How --miner.shadow would have done.")] = False,
    lanes: Annotated[bool, typer.Option("--lanes", help="What lanes of solvers have earned.")] = False,
    since: Annotated[str | None, typer.Option(help="90m, 24h, 7d or a date (UTC); all if not given.")] = None,
    validator: Annotated[str, typer.Option(help="Hotkey, or the beginning of it.")] = "",
    last: Annotated[
        int, typer.Option(min=1, max=100_000, help="Rows shown of epochs and of challenges.")
    ] = 20,
    export: Annotated[Path | None, typer.Option(help="Write every row of one table; - is stdout.")] = None,
    form: Annotated[Format | None, typer.Option("--format", help="Of an export; alone, to stdout.")] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Every row of one table, a JSON object a line.")
    ] = False,
    path: Annotated[Path | None, typer.Option(help="The ledger; that of the settings if not given.")] = None,
) -> None:
    """Show what happened, or export it; also while the miner runs. Takes the flags of `mine` too."""
    settings = pm2s(context).settings
    asked_for: dict[Table, bool] = {
        "epochs": epochs,
        "challenges": challenges,
        "refusals": refusals,
        "shadows": shadows,
        "lanes": lanes,
    }
    report(
        path or ledger_path(settings),
        tables=[table for table, wanted in asked_for.items() if wanted],
        since=since,
        validator=validator,
        last=last,
        target=export,
        form=form,
        json=json,
    )


@app.command(context_settings=WITH_SETTINGS)
def learn(
    context: typer.Context,
    *,
    path: Annotated[Path | None, typer.Option(help="The ledger; that of the settings if not given.")] = None,
) -> None:
    """Learn which lanes of a solver to trust: `logicnet learn RUN...`, folders of benches.

    Takes the flags of `mine` too, after the folders.
    """
    runs = list(takewhile(lambda word: not word.startswith("-"), context.args))
    found = read(context.args[len(runs) :])
    logs.set_up(found.settings.logging, found.secrets())

    from logicnet.evals.learn import learn as learn_from  # noqa: PLC0415
    from logicnet.evals.report.terminal import console as plain_console  # noqa: PLC0415

    learn_from(path or ledger_path(found.settings), [Path(word) for word in runs], plain_console())


@app.command(context_settings=WITH_SETTINGS, add_help_option=False)
def challenges(context: typer.Context) -> object:
    """Questions: list what there is, make sets from recipes, show what is in a set."""
    from logicnet.evals.challenges.command import app as challenges_app  # noqa: PLC0415

    words = context.args or ["--help"]
    return challenges_app(words, prog_name="logicnet challenges", standalone_mode=False)


volume_app = typer.Typer(help="How much volume to promise.", no_args_is_help=True)
app.add_typer(volume_app, name="volume")


@volume_app.callback()
def volume() -> None:
    """How much volume to promise."""


@volume_app.command("advise", context_settings=WITH_SETTINGS)
def volume_advise(
    context: typer.Context,
    *,
    minutes: Annotated[float, typer.Option(min=0.1, max=120.0, help="It ends after so many.")] = 5.0,
    challenges: Annotated[
        Path | None, typer.Option(help="Recipe or file of questions; generated ones if not given.")
    ] = None,
    skip_bad: SkipBad = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> int:
    """Measure what this machine answers in time under rising load, and name the largest volume that is safe.

    Takes the flags of `mine` too. Ctrl-C ends it with what was measured.
    """
    settings = pm2s(context).settings

    from logicnet.volume.command import AdviseOptions, run  # noqa: PLC0415

    options = AdviseOptions(minutes=minutes, challenges=challenges, skip_bad=skip_bad, json=json)
    return run(settings, options)


@app.command()
def solvers() -> None:
    """List the solvers that --miner.solver takes."""
    from logicnet.solver import load_solver, solver_names  # noqa: PLC0415

    for name in solver_names():
        try:
            doc = load_solver(name).__doc__ or ""
        except SettingsError as error:  # a package that is broken; the others still count
            doc = str(error)
        print(f"{name:<16} {doc.strip().partition(chr(10))[0]}".rstrip())


@app.command()
def score(
    file: Annotated[Path, typer.Argument(help="Answers, one JSON object a line.")],
    *,
    out: Annotated[Path | None, typer.Option(help="Where the scored lines go; stdout if not given.")] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Score the good lines all the same.")] = False,
    judge_url: JudgeUrl = None,
    judge_model: ItsModel = None,
    judge_key: ItsKey = None,
    judge_timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for one of its replies.")] = 60.0,
    judge_at_once: Annotated[int, typer.Option(min=1, help="Answers that it judges at a time.")] = 8,
    embedding_model: EmbeddingModel = None,
    truth: Annotated[bool, typer.Option("--truth", help="Say too what is truly right.")] = False,
) -> None:
    """Score answers as a validator would: each line comes back with correctness, similarity, reward."""
    from logicnet.scoring.command import ScoreOptions, run  # noqa: PLC0415

    key = SecretStr(judge_key) if judge_key and judge_url else None
    run(
        ScoreOptions(
            file=file,
            out=out,
            skip_bad=skip_bad,
            judge_url=judge_url,
            judge_model=judge_model,
            judge_key=key,
            judge_timeout_s=judge_timeout,
            judge_at_once=judge_at_once,
            embedding_model=embedding_model,
            with_truth=truth,
        )
    )


@app.command()
def arena(
    *,
    target: Annotated[list[str] | None, typer.Option(help="HOST:PORT of a miner; again for more.")] = None,
    hotkey: Annotated[list[str] | None, typer.Option(help="Its ss58 hotkey, in the same order.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="What to call it, in the same order.")] = None,
    challenges: Annotated[str | None, typer.Option(help="A recipe, or a JSONL file of questions.")] = None,
    skip_bad: SkipBad = False,
    rounds: Annotated[int | None, typer.Option(min=1, help="Loops of a validator; 1.")] = None,
    per_round: Annotated[
        int | None, typer.Option(min=1, help="Questions per round and miner at most; spread evenly.")
    ] = None,
    wallet_path: Annotated[Path | None, typer.Option("--wallet.path", help="Folder of wallets.")] = None,
    wallet_name: Annotated[str | None, typer.Option("--wallet.name", help="The validator's coldkey.")] = None,
    wallet_hotkey: Annotated[str | None, typer.Option("--wallet.hotkey", help="Its hotkey.")] = None,
    validator_uri: Annotated[
        str | None, typer.Option(help="A development key instead, such as //Alice.")
    ] = None,
    chain_file: Annotated[
        Path | None, typer.Option("--chain.file", help="The network, for the stakes; alone if not given.")
    ] = None,
    wire: Annotated[
        Literal["classic", "btauth", "both"] | None, typer.Option(help="both: in turn; classic.")
    ] = None,
    score: Annotated[
        Literal["half", "all"] | None, typer.Option(help="A validator scores about half; all.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of which half; 0.")] = None,
    lanes: Annotated[int | None, typer.Option(min=1, help="Batches under way at once; 8.")] = None,
    stagger: Annotated[float | None, typer.Option(min=0, help="Seconds between their starts; 4.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Miners asked the same at once; 8.")] = None,
    loop_seconds: Annotated[
        float | None, typer.Option(min=0, help="Of a loop, as the miner's --miner.limit_interval; 600.")
    ] = None,
    timeout: Annotated[float | None, typer.Option(min=0.1, help="Seconds for an answer; 64.")] = None,
    information_timeout: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds for Information; 60.")
    ] = None,
    category: Annotated[str | None, typer.Option(help="What is asked of miners that name it; Logic.")] = None,
    judge_url: JudgeUrl = None,
    judge_model: ItsModel = None,
    judge_key: ItsKey = None,
    reference_url: ReferenceUrl = None,
    reference_model: ItsModel = None,
    reference_key: ItsKey = None,
    embedding_model: EmbeddingModel = None,
    truth: Annotated[
        bool | None, typer.Option("--truth/--no-truth", help="Say what is truly right; if it can be.")
    ] = None,
    out: RunFolder = None,
    resume: Resume = False,
) -> int:
    """Question running miners as a validator would, score and rank them. Ctrl-C keeps what was scored."""
    from logicnet.evals.arena.command import ArenaOptions, run  # noqa: PLC0415

    wallet = {"path": wallet_path, "name": wallet_name, "hotkey": wallet_hotkey}
    plan = {
        "rounds": rounds,
        "per_round": per_round,
        "wire": wire,
        "score": score,
        "seed": seed,
        "lanes": lanes,
        "stagger_s": stagger,
        "batch": batch,
        "loop_s": loop_seconds,
        "timeout_s": timeout,
        "information_timeout_s": information_timeout,
        "category": category,
        "embedding_model": embedding_model,
        "truth": truth,
    }
    return run(
        ArenaOptions(
            out=out,
            resume=resume,
            targets=target or (),
            hotkeys=hotkey or (),
            labels=label or (),
            challenges=challenges,
            skip_bad=skip_bad,
            wallet={name: value for name, value in wallet.items() if value is not None},
            validator_uri=validator_uri,
            chain_file=chain_file,
            judge_url=judge_url,
            judge_model=judge_model,
            judge_key=SecretStr(judge_key) if judge_key else None,
            reference_url=reference_url,
            reference_model=reference_model,
            reference_key=SecretStr(reference_key) if reference_key else None,
            plan={name: value for name, value in plan.items() if value is not None},
        )
    )


@app.command()
def bench(
    *,
    solvers: Annotated[
        str | None, typer.Option(help="Names or files, with commas between; race,direct.")
    ] = None,
    challenges: Annotated[
        Path | None, typer.Option(help="Recipe or file of questions; all of mathgenerator if not given.")
    ] = None,
    skip_bad: SkipBad = False,
    endpoint: Annotated[
        str | None, typer.Option(help="OpenAI-compatible base URL; http://127.0.0.1:8000/v1.")
    ] = None,
    model: ItsModel = None,
    count: Annotated[int | None, typer.Option("--n", min=1, help="Questions; the recipe's count.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the questions; the recipe's own.")] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Questions that a solver has at once; 4.")
    ] = None,
    deadline: Annotated[
        float | None, typer.Option(min=1.0, max=3600.0, help="Seconds for an answer; 64.")
    ] = None,
    key: ItsKey = None,
    judge_url: JudgeUrl = None,
    judge_model: ItsModel = None,
    judge_key: ItsKey = None,
    reference_url: ReferenceUrl = None,
    reference_model: ItsModel = None,
    reference_key: ItsKey = None,
    similarity: Annotated[
        bool | None,
        typer.Option(
            "--similarity/--no-similarity",
            help="Compare reasoning; --endpoint writes the reference if no other does.",
        ),
    ] = None,
    embedding_model: EmbeddingModel = None,
    out: RunFolder = None,
    resume: Resume = False,
) -> int:
    """Put solvers side by side on the same questions, and say how much of the difference is noise."""
    from logicnet.evals.bench.command import BenchOptions, ServerOption, run  # noqa: PLC0415

    plan = {"concurrency": concurrency, "deadline_s": deadline, "embedding_model": embedding_model}
    names = None if solvers is None else [name.strip() for name in solvers.split(",") if name.strip()]
    if names == []:
        raise SettingsError("--solvers is empty: name at least one; `logicnet solvers` lists them")
    return run(
        BenchOptions(
            out=out,
            resume=resume,
            solvers=names or (),
            challenges=challenges,
            skip_bad=skip_bad,
            count=count,
            seed=seed,
            endpoint=ServerOption(endpoint, model, key),
            judge=ServerOption(judge_url, judge_model, judge_key),
            reference=ServerOption(reference_url, reference_model, reference_key),
            similarity=similarity,
            plan={name: value for name, value in plan.items() if value is not None},
        )
    )


@app.command()
def models(
    *,
    catalogue: Catalogue = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """List the models that we know, by the memory they want, with what each is good at."""
    from logicnet.operate.serving.command import show_models  # noqa: PLC0415

    show_models(catalogue, as_json=json)


@app.command()
def plan(
    *,
    model: Annotated[
        str | None, typer.Option(help="One model: a name of the table, or a folder with a config.json.")
    ] = None,
    vram: Annotated[float | None, typer.Option(help="GB of one card, if not of the cards here.")] = None,
    gpus: Annotated[int | None, typer.Option(help="Cards of that size; 1.")] = None,
    cpu: Annotated[bool, typer.Option("--cpu", help="For this computer without a GPU.")] = False,
    catalogue: Catalogue = None,
    json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> int:
    """Say which models fit these GPUs, how vLLM is started with them, and how many challenges they keep."""
    from logicnet.operate.serving.command import PlanOptions, run  # noqa: PLC0415

    return run(
        PlanOptions(
            model=model, vram_gb=vram, gpus=_cards(vram, gpus), on_cpu=cpu, catalogue=catalogue, as_json=json
        )
    )


@app.command(context_settings=WITH_SETTINGS)
def vllm(
    context: typer.Context,
    *,
    model: Annotated[
        str | None, typer.Option(help="A name of the table or the hub, or a folder; the best that fits.")
    ] = None,
    python: Annotated[str | None, typer.Option(help="The Python that has vLLM; this one.")] = None,
    vram: Annotated[float | None, typer.Option(help="Plan for cards of so many GB, not those here.")] = None,
    gpus: Annotated[int | None, typer.Option(help="Cards of that size; 1.")] = None,
    cpu: Annotated[bool, typer.Option("--cpu", help="Plan for this computer without a GPU.")] = False,
    catalogue: Catalogue = None,
    probe_every: Annotated[float, typer.Option(min=0.1, help="Seconds between two probes.")] = 10.0,
    silence: Annotated[
        float,
        typer.Option(min=1.0, help="Seconds without a token that count as stuck; twice that under load."),
    ] = 30.0,
) -> None:
    """Start vLLM as planned, watch it, start it again when it is stuck.

    Other flags go to vLLM, and win: --host (127.0.0.1), --port (8000), any.
    """
    from logicnet.operate.serving.command import PlanOptions  # noqa: PLC0415
    from logicnet.operate.serving.vllm.command import VllmOptions, run  # noqa: PLC0415
    from logicnet.operate.serving.vllm.supervisor import ProbePolicy  # noqa: PLC0415

    patience = ProbePolicy(
        every_s=probe_every, probe_s=min(10.0, silence / 2), idle_s=silence, loaded_s=2 * silence
    )
    machine = PlanOptions(model=model, vram_gb=vram, gpus=_cards(vram, gpus), on_cpu=cpu, catalogue=catalogue)
    run(VllmOptions(machine=machine, python=python, words=context.args, patience=patience))


def _cards(vram: float | None, gpus: int | None) -> int:
    """How many of the size that `--vram` says. Raises SettingsError."""
    if gpus is not None and vram is None:
        raise SettingsError("--gpus counts cards of the size that --vram says: give both, or neither")
    return 1 if gpus is None else gpus


@app.command("report")
def report_run(
    run: Annotated[Path, typer.Argument(help="Folder of an arena or a bench, finished or not.")],
    *,
    out: Annotated[Path | None, typer.Option(help="Folder for the files; the run's if not given.")] = None,
) -> None:
    """Show what a run came to, and write it as one HTML page, CSV and JSON lines."""
    from logicnet.evals.report.command import run as report_on  # noqa: PLC0415

    report_on(run, out)


@app.command()
def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Stay until Ctrl-C, to be asked more.")] = False,
    folder: Annotated[Path, typer.Option(help="Where everything is written.")] = Path(".run/demo"),
    model: Annotated[Path, typer.Option(help="Folder of the model.")] = Path(".run/model/smollm2"),
    vllm_python: Annotated[Path, typer.Option(help="Python that has vLLM.")] = Path(".venv-vllm/bin/python"),
) -> int:
    """Ask a real miner with a real vLLM ten questions. `make demo` sets up what that needs."""
    from logicnet.operate.demo import Stage, run  # noqa: PLC0415

    return run(Stage(vllm_python, model, folder), keep=keep)


@app.command(context_settings=WITH_SETTINGS)
def top(
    context: typer.Context,
    *,
    run: Annotated[list[Path] | None, typer.Option(help="Scored run of ours to know rewards by.")] = None,
    once: Annotated[bool, typer.Option("--once", help="One look, then end.")] = False,
) -> None:
    """Watch the miner in this terminal until Ctrl-C. Takes the flags of `mine` too."""
    from logicnet.operate.console.command import run_top  # noqa: PLC0415

    run_top(pm2s(context).settings, run or (), once=once)


@app.command("console", context_settings=WITH_SETTINGS)
def console_page(
    context: typer.Context,
    *,
    run: Annotated[list[Path] | None, typer.Option(help="Scored run of ours to know rewards by.")] = None,
) -> None:
    """Serve a page that shows the miner live, until Ctrl-C.

    Takes the flags of `mine` too: --console.port (8350), --console.host, and
    --console.password (better in .env, as LOGICNET_CONSOLE__PASSWORD).
    """
    from logicnet.operate.console.command import run_console  # noqa: PLC0415

    run_console(pm2s(context).settings, run or ())


@app.command()
def version() -> None:
    """Print the version."""
    print(version_of("logicnet"))


def settings_of(context: typer.Context) -> Config:
    """The settings that a command was given, with logging set up as they say. Raises SettingsError."""
    found = read(context.args)
    logs.set_up(found.settings.logging, found.secrets())
    return found


def pm2s(context: typer.Context) -> Config:
    """As `settings_of`, with what ecosystem.config.js adds where pm2 runs the miner of this folder."""
    found = as_started(context.args)
    logs.set_up(found.settings.logging, found.secrets())
    return found


def asks_help(context: typer.Context, usage: str, about: str) -> bool:
    """Whether help was asked for; then it is printed, with every setting in it."""
    if not {"--help", "-h"} & {*context.args}:
        return False
    out = console()
    # Written in lines of our sources; a narrow terminal breaks them elsewhere.
    paragraphs = "\n\n".join(" ".join(part.split()) for part in about.split("\n\n"))
    out.print(f"Usage: logicnet {usage}\n\n{paragraphs}", markup=False)
    print_flags(out)
    return True


def _say(text: str, status: int) -> int:
    print(text, file=sys.stderr)
    return status
