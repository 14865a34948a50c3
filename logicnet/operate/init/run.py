"""`logicnet init`: asks, writes two files, and prints the next steps."""

import shlex
from pathlib import Path

from loguru import logger

from logicnet.config import table
from logicnet.operate.init.machine import CHECKOUT
from logicnet.operate.init.questions import VOLUME, InitAnswers, InitOptions, collect_answers
from logicnet.operate.init.writing import WrittenFiles, refuse_to_overwrite, write

USAGE = (
    "init [--folder FOLDER] [--model MODEL] [--vllm-flags FLAGS] [--vllm-python PYTHON] [--yes] [--force] "
    "[--flag value]...",
    """Write .env and ecosystem.config.js for this machine. Nothing in them needs editing.

Without a terminal, or with --yes, nothing is asked. Else five settings are asked unless a flag gives them:
--wallet.name, --wallet.hotkey, --subtensor.network, --axon.port, and --model (for vLLM on this machine: a
name of `logicnet models`, or a folder) or --miner.llm_client.base_url (a running server). Other flags of
`mine` are written too. --vllm-flags replaces the flags of `logicnet plan`, --vllm-python names the Python
that has vLLM. Existing files are replaced with --force alone, and backed up in .run/backups.""",
)


def run(options: InitOptions) -> None:
    """Ask, write, print. Raises SettingsError and LogicnetError; then no file has changed."""
    refuse_to_overwrite(options.folder, force=options.force)
    logger.disable("logicnet.chain")  # `logicnet doctor` reports the hotkey's file
    try:
        answers = collect_answers(options)
        done = write(answers, options.folder, force=options.force)
    finally:
        logger.enable("logicnet.chain")
    for line in summary(options, answers, done):
        print(line)


def summary(options: InitOptions, answers: InitAnswers, done: WrittenFiles) -> list[str]:
    """The files written, and the next steps."""
    lines = [f"Wrote {file}." for file in done.files]
    lines += [f"{file} is unchanged." for file in done.same]
    lines += [f"The old file is kept as {file}." for file in done.backups]
    vllm = answers.vllm
    if vllm is None:
        lines.append("A running server has the model, so pm2 starts the miner alone.")
    else:
        lines.append(f"vLLM will serve {vllm.model} with {vllm.flags or 'its defaults'}.")
    volume = answers.settings.get(VOLUME) or table()["miner.epoch_volume"].default
    estimated = ", the estimate of the plan" if vllm is not None and str(vllm.volume) == volume else ""
    lines.append(
        f"The miner promises {volume} challenges per interval{estimated}. `logicnet volume advise` measures "
        "how many it keeps."
    )
    steps, folder = [], options.folder.resolve()
    pm2 = "npx pm2"
    if vllm is not None and not vllm.has_vllm:
        steps.append(f"{shlex.quote(vllm.python)} -m pip install -e '{CHECKOUT}[vllm]'")
    if not (CHECKOUT / "node_modules" / ".bin" / "pm2").exists():
        steps.append("npm ci" if folder == CHECKOUT else f"npm ci --prefix {shlex.quote(str(CHECKOUT))}")
    if folder != CHECKOUT:  # npx there would download another pm2
        pm2 = shlex.quote(str(CHECKOUT / "node_modules" / ".bin" / "pm2"))
    if folder != Path.cwd():
        steps.append(f"cd {shlex.quote(str(folder))}")
    steps += [f"{pm2} start ecosystem.config.js", "logicnet doctor"]
    if vllm is not None:
        steps.append("logicnet volume advise    # once the model answers: measures the volume to promise")
    return [*lines, "", "Next:", *(f"    {step}" for step in steps)]
