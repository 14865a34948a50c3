from pathlib import Path

import pytest

from logicnet.config import check
from logicnet.errors import SettingsError
from logicnet.solver import solver_names
from tests.unit.config.conftest import Reads


def complaint(reads: Reads, *argv: str, environ: dict[str, str] | None = None, env: str = "") -> str:
    with pytest.raises(SettingsError) as caught:
        check(reads(*argv, environ=environ, env=env))
    return str(caught.value)


def test_the_defaults_are_right(reads: Reads) -> None:
    check(reads())


def test_a_network_file_is_for_mining_without_a_chain(reads: Reads, tmp_path: Path) -> None:
    file = tmp_path / "network.json"
    file.write_text("{}")
    check(reads("--offline", "--chain.file", str(file)))
    assert complaint(reads, "--offline") == (
        "--offline takes the network from a file: name it with --chain.file."
    )
    assert complaint(reads, "--chain.file", str(file)) == (
        "--chain.file is for mining without a chain: add --offline, or remove the file."
    )
    said = complaint(reads, env=f"LOGICNET_CHAIN__FILE={file}")
    assert said.startswith("LOGICNET_CHAIN__FILE (") and ".env line 1) is for mining" in said


@pytest.mark.parametrize("name", ["none.json", ".", "x" * 5000], ids=["missing", "folder", "too long"])
def test_the_network_file_is_there(reads: Reads, tmp_path: Path, name: str) -> None:
    said = complaint(reads, "--offline", "--chain.file", str(tmp_path / name))
    assert said.startswith("--chain.file: there is no file '")


def test_the_solver_is_one_that_there_is(reads: Reads) -> None:
    for name in solver_names():
        check(reads("--miner.solver", name))
    said = complaint(reads, "--miner.solver", "dirct")
    assert said.startswith("--miner.solver takes ")
    assert said.endswith("; got 'dirct'; did you mean direct?")
    assert all(name in said for name in solver_names())
    assert complaint(reads, environ={"LOGICNET_MINER__SOLVER": "xyzzy"}).endswith("; got 'xyzzy'.")


def test_the_shadow_is_another_solver_that_there_is(reads: Reads) -> None:
    check(reads("--miner.shadow", "constant", "--miner.shadow_share", "0.2"))
    check(reads("--miner.solver", "constant", "--miner.shadow", "direct"))
    assert complaint(reads, "--miner.shadow", "constnat").endswith("; got 'constnat'; did you mean constant?")
    assert complaint(reads, "--miner.solver", "constant", "--miner.shadow", "constant") == (
        "--miner.shadow is --miner.solver itself (constant): name another solver, or remove it."
    )
    assert complaint(reads, env="LOGICNET_MINER__SHADOW_SHARE=0.1").endswith(
        ".env line 1) has no effect without a shadow: add --miner.shadow, or remove it."
    )


def test_the_profiles_are_there(reads: Reads, tmp_path: Path) -> None:
    file = tmp_path / "profiles.toml"
    said = complaint(reads, "--miner.profiles", str(file))
    assert said.startswith("--miner.profiles: there is no file '")
    file.touch()
    check(reads("--miner.profiles", str(file)))


@pytest.mark.parametrize(
    "url", ["https://api.openai.com/v1", "https://models.example.com", "https://8.8.8.8/v1"]
)
def test_a_missing_key_is_named(reads: Reads, url: str) -> None:
    said = complaint(reads, "--miner.llm_client.base_url", url)
    assert "\n" not in said
    assert "--miner.llm_client.key" in said and "OPENAI_API_KEY" in said
    check(reads("--miner.llm_client.base_url", url, "--miner.llm_client.key", "sk-1"))
    check(reads("--miner.llm_client.base_url", url, environ={"OPENAI_API_KEY": "sk-1"}))
    check(reads("--miner.llm_client.base_url", url, env="OPENAI_API_KEY=sk-1"))


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://127.0.0.1:8000/v1",
            "https://localhost/v1",
            "https://[::1]/v1",
            "http://192.168.1.5:8000/v1",
        ),
        *(
            "https://10.0.0.5/v1",
            "http://gpu-box:8000/v1",
            "https://gpu.local/v1",
            "https://vllm.internal/v1",
        ),
    ],
)
def test_a_server_nearby_needs_no_key_and_may_get_one(reads: Reads, url: str) -> None:
    check(reads("--miner.llm_client.base_url", url))
    check(reads("--miner.llm_client.base_url", url, environ={"OPENAI_API_KEY": "sk-1"}))


def test_a_shared_key_does_not_travel_unencrypted(reads: Reads) -> None:
    url = ["--miner.llm_client.base_url", "http://gpu.example.com:8000/v1"]
    check(reads(*url))
    check(reads(*url, "--miner.llm_client.key", "meant-for-it"))
    check(reads(*url, environ={"LOGICNET_MINER__LLM_CLIENT__KEY": "meant-for-it", "OPENAI_API_KEY": "sk-1"}))
    said = complaint(reads, *url, environ={"OPENAI_API_KEY": "sk-shared"})
    assert said.startswith("OPENAI_API_KEY (environment) would be sent to gpu.example.com unencrypted")
    assert "sk-shared" not in said


def test_each_complaint_gets_a_line(reads: Reads) -> None:
    said = complaint(
        reads,
        *(
            "--chain.file",
            "x",
            "--miner.solver",
            "xyzzy",
            "--miner.llm_client.base_url",
            "https://a.example/v1",
        ),
    )
    assert len(said.split("\n")) == 3
