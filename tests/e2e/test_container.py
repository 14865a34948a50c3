"""The lines of the Dockerfile, run without docker: installed in a copy of the repository, and started."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from logicnet._util.processes import free_port
from logicnet.config.started import apps
from logicnet.evals.arena.client import ValidatorClient
from logicnet.operate.demo.stage import environment
from logicnet.operate.init.writing import line
from tests.e2e.conftest import ROOT, START_S, Network, answers, kill_processes_of
from tests.harness.scripted_model import ScriptedModel

OF_THE_IMAGE = ("apt-get", "/usr/local/")  # a Python that makes environments, and npm: here they are


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the Dockerfile with its words, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(name, words.strip()) for name, _, words in (line.partition(" ") for line in lines) if name]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A folder as the image has it: what git tracks, then each RUN that is ours."""
    folder = tmp_path / "srv"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    tracked = [name for name in listed.stdout.split("\0") if name] or [
        str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file()
    ]
    ignored = {line.strip("*/") for line in (ROOT / ".dockerignore").read_text().split()}
    for name in tracked:
        if not ignored & set(Path(name).parts) and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    python = tmp_path / "bin"
    python.mkdir()
    (python / "python3").symlink_to(Path(sys.executable).resolve())
    env = {**environment(), "PATH": f"{python}:{os.environ['PATH']}"}
    for name, words in instructions():
        if name == "RUN" and not any(word in words for word in OF_THE_IMAGE):
            done = subprocess.run(
                ["bash", "-c", words], cwd=folder, env=env, capture_output=True, check=False
            )
            assert done.returncode == 0, done.stderr.decode()[-2000:]
    return folder


async def test_what_the_image_installs_mines(image: Path, network: Network, tmp_path: Path) -> None:
    port = free_port()
    (command,) = [json.loads(words) for name, words in instructions() if name == "CMD"]
    settings = {
        "PM2_HOME": str(tmp_path / "pm2"),
        "SN35_VLLM": "false",
        "SN35_LOGS": str(tmp_path / "logs"),
        "LOGICNET_OFFLINE": "true",
        "LOGICNET_CHAIN__FILE": str(network.file),
        "LOGICNET_AXON__PORT": str(port),
        "LOGICNET_WALLET__PATH": str(network.wallets),
        "LOGICNET_WALLET__NAME": "demo",
        "LOGICNET_WALLET__HOTKEY": "miner",
        "LOGICNET_LEDGER__PATH": str(tmp_path / "ledger.sqlite"),
    }
    async with ScriptedModel(text="7 + 5 = 12. The answer is 12.") as model:
        env = {**environment(), **settings, "LOGICNET_MINER__LLM_CLIENT__BASE_URL": model.base_url}
        started = subprocess.Popen(command, cwd=image, env=env, stdout=subprocess.DEVNULL)
        try:
            await answers(f"http://127.0.0.1:{port}/")
            async with ValidatorClient(
                network.keys["alice"], miner_ss58=network.miner_ss58, base_url=f"http://127.0.0.1:{port}"
            ) as alice:
                reply = await alice.challenge("What is 7+5?", wire="classic", timeout_s=64)
            assert reply.success, reply.message
        finally:
            started.terminate()
            started.wait(START_S)
            kill_processes_of(tmp_path)


def image_variables() -> dict[str, str]:
    (words,) = [words for name, words in instructions() if name == "ENV"]
    return dict(word.split("=", 1) for word in shlex.split(words))


def test_what_init_writes_for_the_host_is_read_in_the_image(tmp_path: Path) -> None:
    """Its quotes are no part of the values, and its paths of the host do not count."""
    file = tmp_path / ".env"
    values = {
        "SN35_VLLM_FLAGS": "--max-model-len 8192 --gpu-memory-utilization 0.9",
        "SN35_VLLM_PYTHON": "/home/me/.venv-gpu/bin/python",
        "SN35_MINER_PYTHON": "/home/me/.venv/bin/python",
        "LOGICNET_WALLET__PATH": "/home/me/.bittensor/wallets",
        "LOGICNET_CONSOLE__PASSWORD": "a$HOME in a password",
    }
    file.write_text("".join(f"{line(name, value)}\n" for name, value in values.items()))
    own = image_variables()
    started = apps({**own, "SN35_ENV_FILE": str(file)})
    vllm, miner = started["sn35-vllm"], started["sn35-miner"]
    assert vllm["args"][-6:] == [*shlex.split(values["SN35_VLLM_FLAGS"]), "--python", "python3"]
    assert own["SN35_MINER_PYTHON"] == miner["env"]["SN35_MINER_PYTHON"] == ".venv/bin/python"
    assert miner["env"]["LOGICNET_WALLET__PATH"] == "/keys/wallets"
    assert miner["env"]["LOGICNET_CONSOLE__PASSWORD"] == values["LOGICNET_CONSOLE__PASSWORD"]


def test_docker_gets_the_settings_as_a_file() -> None:
    """`--env-file` keeps quotes, and compose's `env_file` replaces what follows a dollar."""
    (workdir,) = [words for name, words in instructions() if name == "WORKDIR"]
    target = f"{workdir}/.env"
    head = (ROOT / "Dockerfile").read_text().partition("FROM")[0]
    assert f"target={target},readonly" in head and " --env-file .env" not in head
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["logicnet"]
    assert "env_file" not in service
    (mounted,) = [one for one in service["volumes"] if isinstance(one, dict)]
    assert (mounted["source"], mounted["target"], mounted["read_only"]) == (".env", target, True)


def test_a_wheel_is_enough_for_init_and_pm2(network: Network, tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip"]
    source = tmp_path / "source"  # a build writes beside what it builds
    shutil.copytree(ROOT / "logicnet", source / "logicnet", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "ecosystem.config.js"):
        shutil.copy(ROOT / name, source / name)
    build = [*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(source)]
    subprocess.run(build, check=True, timeout=START_S)
    (wheel,) = tmp_path.glob("*.whl")
    site, mine = tmp_path / "site", tmp_path / "mine"
    subprocess.run(
        [*pip, "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)],
        check=True,
        timeout=START_S,
    )
    mine.mkdir()
    env = {**environment(), "PYTHONPATH": str(site)}
    words = ["init", "--yes", "--wallet.path", str(network.wallets), "--wallet.name", "demo"]
    words += ["--wallet.hotkey", "miner", "--miner.llm_client.base_url", "http://127.0.0.1:9/v1"]
    python = [sys.executable, "-P", "-m"]
    done = subprocess.run(
        [*python, "logicnet", *words], cwd=mine, env=env, capture_output=True, text=True, check=True
    )
    assert "npm install pm2@7" in done.stdout
    assert (mine / "ecosystem.config.js").read_text() == (ROOT / "ecosystem.config.js").read_text()
    said = subprocess.run(
        [*python, "logicnet.config.started"], cwd=mine, env=env, capture_output=True, text=True, check=True
    )
    miner = json.loads(said.stdout)["sn35-miner"]
    assert miner["script"].endswith("/bin/logicnet")
    assert miner["args"][0] == "mine"
