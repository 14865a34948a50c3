"""Trainers see nothing of the wallet, the network or our environment, in docker and without."""

import json
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from logicnet.errors import TuningError
from logicnet.settings import TuningSettings
from logicnet.tuning import isolation
from logicnet.tuning.engine import Local, TrainerState
from logicnet.tuning.isolation import PACKAGE, Isolation, trainer_python
from logicnet.tuning.jobs import Job
from logicnet.tuning.spec import TrainSpec
from logicnet.tuning.train import confine
from logicnet.tuning.train.jobfile import JobFile, Reward
from logicnet.tuning.train.memory import Memory

NAMESPACES = confine.main("--can") == 0
"""Whether the kernel gives them here; a container's often does not."""

REWARD = Reward("def score(completions, **columns): return [0.0] * len(completions)")

LOOK = """
import json, os, resource, socket, sys
def reached(address):
    try:
        socket.create_connection(address, 2).close()
        return True
    except OSError:
        return False
with socket.create_server(("127.0.0.1", 0)) as server:
    loopback = reached(server.getsockname())
host, port, secret = open(sys.argv[1] + "/look").read().split()
try:
    found = os.listdir(secret)
except OSError as error:
    found = str(error)
json.dump({
    "environment": dict(os.environ), "loopback": loopback, "outside": reached((host, int(port))),
    "secret": found, "memory": resource.getrlimit(resource.RLIMIT_AS)[0],
    "data": resource.getrlimit(resource.RLIMIT_DATA)[0],
    "file": resource.getrlimit(resource.RLIMIT_FSIZE)[0], "session": os.getsid(0) == os.getpid(),
    "capabilities": open("/proc/self/status").read().split("CapEff:")[1].split()[0],
}, open(sys.argv[1] + "/seen.json", "w"))
"""


def made(network: bool = False) -> Job:
    spec = TrainSpec(dataset="d", model="m", dataset_type="instruct", file_format="json", network=network)
    return Job("ab" * 16, "ab" * 16, spec, "llama")


def job_file(base: Path = Path("/models/tiny"), **facts: object) -> JobFile:
    return JobFile("ab" * 16, "sft", str(base), "org/tiny", **facts)  # type: ignore[arg-type]


@pytest.fixture
def wallet(tmp_path: Path) -> Path:
    folder = tmp_path / "wallet"
    folder.mkdir()
    (folder / "hotkey").write_text("secret")
    return folder


def look(
    folder: Path, wallet: Path, *, network: bool = False, file: JobFile | None = None
) -> dict[str, object]:
    """What a program that is started as a trainer finds."""
    folder.mkdir(exist_ok=True)
    script = folder / "look.py"
    script.write_text(LOOK)
    isolated = Isolation(
        "process",
        Path(sys.executable),
        network=network,
        allow_reward_code=True,
        hidden=(wallet,),
        wandb_key="w-key",
        program=(sys.executable, str(script)),
    )
    file = file or job_file()
    # Another address of this machine stands for the network.
    with socket.create_server(("127.0.0.1", 0)) as outside:
        host, port = outside.getsockname()
        (folder / "look").write_text(f"{host} {port} {wallet}")
        argv = isolated.argv(made(network), folder, file)
        environment = isolated.environment(file)
        subprocess.run(argv, env=environment, cwd=folder, check=True, timeout=600, start_new_session=True)
    found: dict[str, object] = json.loads((folder / "seen.json").read_text())
    return found


@pytest.mark.thorough
def test_a_confined_trainer_has_a_loopback_of_its_own_and_no_more(tmp_path, wallet):
    found = look(tmp_path / "job", wallet)
    assert (found["loopback"], found["session"]) == (True, True)
    if NAMESPACES:
        assert (found["outside"], found["secret"]) == (False, [])
        assert found["capabilities"] == "0" * 16
    else:  # what `_warn_of_network` says: it sees both
        assert (found["outside"], found["secret"]) == (True, ["hotkey"])
    assert (wallet / "hotkey").read_text() == "secret"


@pytest.mark.thorough
def test_network_is_had_only_by_asking_and_the_wallet_never(tmp_path, wallet):
    found = look(tmp_path / "job", wallet, network=True)
    assert found["outside"] is True
    assert found["secret"] == ([] if NAMESPACES else ["hotkey"])


@pytest.mark.thorough
def test_a_trainer_gets_an_environment_by_allow_list(tmp_path, wallet, monkeypatch):
    for name in (
        "LOGICNET_WALLET__NAME",
        "BT_WALLET_HOTKEY",
        "HF_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "WANDB_API_KEY",
    ):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    folder = tmp_path / "job"
    environment = look(folder, wallet, file=job_file(threads=1))["environment"]
    assert isinstance(environment, dict)
    assert not [
        name for name, value in environment.items() if "secret" in value or name.startswith("LOGICNET")
    ]
    assert environment["HOME"] == str(folder / "home")
    assert (environment["HF_HUB_OFFLINE"], environment["OMP_NUM_THREADS"]) == ("1", "1")
    assert environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert "WANDB_API_KEY" not in environment


@pytest.mark.thorough
def test_a_job_that_reports_to_wandb_gets_its_key(tmp_path, wallet):
    environment = look(tmp_path / "job", wallet, file=job_file(report_to=("wandb",)))["environment"]
    assert isinstance(environment, dict)
    assert (environment["WANDB_API_KEY"], environment["WANDB_MODE"]) == ("w-key", "offline")
    assert "w-key" not in (tmp_path / "job" / "launch.json").read_text()


@pytest.mark.thorough
def test_memory_and_files_are_limited(tmp_path, wallet):
    found = look(tmp_path / "job", wallet)
    assert found["file"] == isolation.MOST_FILE_BYTES
    for limit in ("memory", "data"):
        assert (found[limit] != -1) is not confine.has_cuda(), limit


def test_data_is_limited_to_what_is_free_on_the_node_and_the_files_that_are_mapped(tmp_path, monkeypatch):
    base = tmp_path / "base"
    base.mkdir()
    (base / "model.safetensors").write_bytes(bytes(1000))
    Isolation("process", Path(sys.executable)).argv(made(), tmp_path, job_file(base=base))
    launch = confine.Confinement(**json.loads((tmp_path / "launch.json").read_text()))
    assert launch.mapped_bytes == 1000
    limits: dict[int, int] = {}
    monkeypatch.setattr(confine.confine, "limit", limits.__setitem__)
    monkeypatch.setattr(confine, "has_cuda", lambda: False)
    for free, most in ((3 << 30, (3 << 30) + 1000), (1, confine.LEAST_DATA_BYTES + 1000)):
        monkeypatch.setattr(confine, "memory", lambda free=free: Memory(1 << 40, free))
        confine.limit(launch)
        assert limits[resource.RLIMIT_DATA] == most
    assert limits[resource.RLIMIT_AS] == launch.memory_bytes


@pytest.mark.thorough
def test_only_this_package_is_shared_with_the_trainers_environment(tmp_path, wallet):
    environment = look(tmp_path / "job", wallet)["environment"]
    assert isinstance(environment, dict)
    code = Path(environment["PYTHONPATH"])
    assert [path.name for path in code.iterdir()] == ["logicnet"]
    assert (code / "logicnet").resolve() == PACKAGE.resolve()


def test_reward_code_never_runs_without_namespaces(tmp_path, monkeypatch, capsys):
    isolated = Isolation("process", Path(sys.executable), allow_reward_code=True)
    isolated.argv(made(), tmp_path, job_file(rewards=(REWARD,)))
    monkeypatch.setattr(confine.confine, "can_separate", lambda: False)
    assert confine.main(str(tmp_path / "launch.json")) == confine.EXIT_NOT_CONFINED
    assert "use docker" in capsys.readouterr().err


@pytest.mark.parametrize("contained", [True, False])
def test_only_a_container_of_its_own_stands_for_namespaces(tmp_path, contained):
    isolated = Isolation("process", Path(sys.executable), allow_reward_code=True, contained=contained)
    isolated.argv(made(), tmp_path, job_file(rewards=(REWARD,)))
    assert json.loads((tmp_path / "launch.json").read_text())["strict"] is not contained


@pytest.mark.parametrize("kind", ["docker", "process"])
def test_reward_code_is_refused_unless_the_operator_allows_it(tmp_path, kind):
    with pytest.raises(TuningError, match=r"--tuning\.allow_reward_code"):
        Isolation(kind, Path("python")).argv(made(), tmp_path, job_file(rewards=(REWARD,)))


def docker(folder: Path, *, network: bool = False, allowed: bool = True, **facts: object) -> list[str]:
    isolated = Isolation("docker", Path("python"), image="trainer:1", network=allowed, wandb_key="w-key")
    return isolated.argv(made(network), folder, job_file(**facts))


def value(argv: list[str], flag: str) -> str:
    return argv[argv.index(flag) + 1]


def test_docker_shows_a_trainer_the_code_the_base_and_its_folder(tmp_path):
    argv = docker(tmp_path)
    mounts = [argv[at + 1] for at, word in enumerate(argv) if word == "--mount"]
    assert mounts == [
        f"type=bind,source={PACKAGE},target=/code/logicnet,readonly",
        "type=bind,source=/models/tiny,target=/models/tiny,readonly",
        f"type=bind,source={tmp_path},target={tmp_path}",
    ]
    assert argv[-5:] == ["trainer:1", "python", "-m", "logicnet.tuning.train", str(tmp_path)]
    assert value(argv, "--user") == f"{os.getuid()}:{os.getgid()}"
    assert value(argv, "--cap-drop") == "ALL"
    assert int(value(argv, "--memory")) > 0


@pytest.mark.parametrize(("said", "found"), [(b"true\n", True), (b"false\n", False), (b"", None)])
def test_docker_is_asked_whether_memory_ran_out_before_its_container_is_removed(
    tmp_path, monkeypatch, said, found
):
    asked: list[tuple[str, ...]] = []

    def ran(*argv: str) -> "subprocess.CompletedProcess[bytes]":
        asked.append(argv[1:])
        return subprocess.CompletedProcess(argv, 0 if said else 1, said)

    monkeypatch.setattr(isolation, "_ran", ran)
    kept = Isolation("docker", Path("python"), kept=True)
    assert "--rm" not in kept.argv(made(), tmp_path, job_file())
    assert "--rm" in kept.evaluation(tmp_path, ["-m", "x"], [])  # nobody asks why an evaluation ended
    assert "--rm" in docker(tmp_path)
    assert Local(kept).state(made(), tmp_path, 1) == TrainerState("ended", None, found)
    assert asked == [
        ("inspect", "--format", "{{.State.OOMKilled}}", "logicnet-" + "ab" * 16),
        ("rm", "--force", "logicnet-" + "ab" * 16),
    ]


@pytest.mark.parametrize(
    ("asked", "allowed", "network"),
    [(False, False, "none"), (True, False, "none"), (False, True, "none"), (True, True, "bridge")],
)
def test_docker_gives_network_if_job_and_operator_say_so(tmp_path, asked, allowed, network):
    argv = docker(tmp_path, network=asked, allowed=allowed)
    assert value(argv, "--network") == network
    assert ("HF_HUB_OFFLINE=1" in argv) is (network == "none")


def test_docker_gets_no_key_on_its_command_line(tmp_path):
    argv = docker(tmp_path, report_to=("wandb",))
    assert "WANDB_API_KEY" in argv
    assert not [word for word in argv if "w-key" in word]
    assert "WANDB_API_KEY" not in docker(tmp_path)


@pytest.mark.parametrize("cuda", [False, True])
def test_docker_gets_the_gpus_that_there_are(tmp_path, monkeypatch, cuda):
    monkeypatch.setattr(confine, "has_cuda", lambda: cuda)
    assert ("--gpus" in docker(tmp_path)) is cuda


def test_several_gpus_are_one_process_each(tmp_path):
    argv = docker(tmp_path, gpus=4)
    assert value(argv, "--num_processes") == "4"
    assert argv[-3:] == ["-m", "logicnet.tuning.train", str(tmp_path)]


def python_in(folder: Path) -> Path:
    python = folder / "python"
    python.touch()
    return python


@pytest.mark.parametrize(
    ("answers", "image", "kind"), [(True, True, "docker"), (True, False, "process"), (False, True, "process")]
)
def test_auto_takes_docker_where_it_answers_and_has_the_image(tmp_path, monkeypatch, answers, image, kind):
    monkeypatch.setattr(isolation, "docker_answers", lambda: answers)
    monkeypatch.setattr(isolation, "has_image", lambda name: image)
    settings = TuningSettings(python=python_in(tmp_path))
    assert Isolation.of(settings).kind == kind


def test_docker_that_was_asked_for_and_does_not_answer_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(isolation, "docker_answers", lambda: False)
    with pytest.raises(TuningError, match=r"docker does not answer.*--tuning\.isolation process"):
        Isolation.of(TuningSettings(python=python_in(tmp_path), isolation="docker"))


def test_a_trainer_that_is_not_installed_is_named_with_its_mend(tmp_path):
    with pytest.raises(TuningError, match=r"scripts/setup tune"):
        trainer_python(TuningSettings(python=tmp_path / "none"))


def test_docker_shows_a_snapshot_with_the_files_that_it_links_to(tmp_path):
    file = JobFile("ab" * 16, "sft", "/cache/models--org--tiny/snapshots/abc", "org/tiny")
    argv = Isolation("docker", Path("python")).argv(made(), tmp_path, file)
    mounts = [one for one in argv if one.startswith("type=bind")]
    for path in ("/cache/models--org--tiny/snapshots/abc", "/cache/models--org--tiny/blobs"):
        assert f"type=bind,source={path},target={path},readonly" in mounts


def test_an_evaluation_is_confined_as_a_trainer(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf-secret")
    confined = Isolation("process", Path(sys.executable), network=True, hidden=(tmp_path / "wallet",))
    argv = confined.evaluation(tmp_path, ["-c", "pass"], [Path("/models/a")])
    launch = json.loads((tmp_path / "launch.json").read_text())
    assert argv[-1] == str(tmp_path / "launch.json")
    assert (launch["argv"], launch["network"]) == ([sys.executable, "-c", "pass"], False)
    assert str(tmp_path / "wallet") in launch["hidden"]
    assert "HF_TOKEN" not in confined.environment() | launch["environment"]
    inside = Isolation("docker", Path(sys.executable)).evaluation(
        tmp_path, ["-c", "pass"], [Path("/models/a")]
    )
    assert value(inside, "--network") == "none"
    assert "type=bind,source=/models/a,target=/models/a,readonly" in inside
