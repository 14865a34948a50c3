"""`logicnet arena`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import SecretStr

from logicnet.cli._options import (
    EmbeddingModel,
    ItsKey,
    ItsModel,
    JudgeUrl,
    ReferenceUrl,
    Resume,
    RunFolder,
    SkipBad,
)


def command(
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
    from logicnet.evals.arena.run import ArenaOptions, run  # noqa: PLC0415

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
