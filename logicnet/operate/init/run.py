"""`logicnet init`: questions or flags in, two files out, and what to do next."""

from __future__ import annotations

import shlex
from pathlib import Path

from loguru import logger

from logicnet.config import table
from logicnet.operate.init.answers import VOLUME, Answers, InitOptions, answered
from logicnet.operate.init.machine import CHECKOUT
from logicnet.operate.init.writing import WrittenFiles, refuse_to_overwrite, write

USAGE = (
    "init [--folder FOLDER] [--model MODEL] [--vllm-flags FLAGS] [--vllm-python PYTHON] [--yes] [--force] "
    "[--flag value]...",
    """Write .env and ecosystem.config.js for this machine. Nothing in them needs editing.

Five things are asked, unless a flag says them or nobody is there to ask: --wallet.name, --wallet.hotkey,
--subtensor.network, --axon.port, and --model (what vLLM is to serve here: a name of `logicnet models` or a
folder) or --miner.llm_client.base_url (a server that is there already). Other flags of `mine` are written
too. --vllm-flags takes the place of what `logicnet plan` says, --vllm-python of the Python that has vLLM.
Files that are there are replaced with --force alone, and kept in .run/backups.""",
)


def run(options: InitOptions) -> None:
    """Ask, write, say what was written. Raises SettingsError and LogicnetError; then nothing is changed."""
    refuse_to_overwrite(options.folder, force=options.force)
    logger.disable("logicnet.chain")  # what a miner's log would say of the hotkey's file, the doctor says
    try:
        answers = answered(options)
        done = write(answers, options.folder, force=options.force)
    finally:
        logger.enable("logicnet.chain")
    for line in told(options, answers, done):
        print(line)


def told(options: InitOptions, answers: Answers, done: WrittenFiles) -> list[str]:
    """What was written, and what is still to be done before and after the start."""
    lines = [f"Wrote {file}." for file in done.files]
    lines += [f"{file} is as it should be." for file in done.same]
    lines += [f"What was there before is kept as {file}." for file in done.kept]
    vllm = answers.vllm
    if vllm is None:
        lines.append("The model is served elsewhere, so pm2 starts the miner alone.")
    else:
        lines.append(f"vLLM is to serve {vllm.model} with {vllm.flags or 'its own defaults'}.")
    volume = answers.settings.get(VOLUME) or table()["miner.epoch_volume"].default
    reckoned = ", which is the plan's estimate" if vllm is not None and str(vllm.volume) == volume else ""
    lines.append(
        f"Promised are {volume} challenges per interval{reckoned}; `logicnet volume advise` measures how "
        "many are kept."
    )
    steps, folder = [], options.folder.resolve()
    pm2 = "npx pm2"
    if vllm is not None and not vllm.has_vllm:
        steps.append(f"{shlex.quote(vllm.python)} -m pip install -e '{CHECKOUT}[vllm]'")
    if not (CHECKOUT / "node_modules" / ".bin" / "pm2").exists():
        steps.append("npm ci" if folder == CHECKOUT else f"npm ci --prefix {shlex.quote(str(CHECKOUT))}")
    if folder != CHECKOUT:  # npx looks beside where it is called, and would fetch another pm2
        pm2 = shlex.quote(str(CHECKOUT / "node_modules" / ".bin" / "pm2"))
    if folder != Path.cwd():
        steps.append(f"cd {shlex.quote(str(folder))}")
    steps += [f"{pm2} start ecosystem.config.js", "logicnet doctor"]
    if vllm is not None:
        steps.append("logicnet volume advise    # once the model answers: how much to promise")
    return [*lines, "", "Next:", *(f"    {step}" for step in steps)]
