"""A healthy set-up is clean; of many that are broken in one way each, that way is found, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from logicnet.axon.nonces import FUTURE_S
from logicnet.operate.doctor.checks import CHECKS, wallet
from logicnet.operate.doctor.context import Context, Finding, Severity, ok
from logicnet.operate.doctor.run import run_checks
from tests.harness.scripted_model import Mode
from tests.harness.scripted_nvml import ScriptedGpu
from tests.unit.operate.doctor.healthy import IP, VALIDATORS, SetUp

pytestmark = pytest.mark.thorough  # starts processes, and waits for them

E, W, N = Severity.ERROR, Severity.WARNING, Severity.NOTE


async def test_a_healthy_set_up_is_clean(setup: SetUp) -> None:
    found = await setup.examined()
    assert setup.bad() == {}, [setup.said(name) for name in setup.bad()]
    assert list(found) == list(CHECKS)
    assert all(one.checked for findings in found.values() for one in findings)


class Broken(NamedTuple):
    how: Callable[[SetUp], object]
    finds: dict[str, Severity]
    says: str


def last(setup: SetUp) -> None:
    setup.chain.places = 3
    setup.seat.emission_rao = 0
    for number, validator in enumerate(VALIDATORS):
        seat = setup.chain.neuron(validator)
        assert seat
        seat.emission_rao, seat.registered_at = 10**9, number


def newcomer(setup: SetUp) -> None:
    setup.chain.immunity = 1100
    setup.seat.emission_rao = 0


def idle(setup: SetUp) -> None:
    for validator in VALIDATORS:
        seat = setup.chain.neuron(validator)
        assert seat
        seat.active = False


BROKEN = {
    "a clock behind": Broken(
        lambda s: setattr(s.clock, "ahead_s", 5.0), {"clock": E}, "s behind (1 time server)"
    ),
    "a clock ahead": Broken(
        lambda s: setattr(s.clock, "ahead_s", -5.0), {"clock": E}, "s ahead (1 time server)"
    ),
    "a clock that drifts": Broken(
        lambda s: setattr(s.clock, "ahead_s", 1.5), {"clock": W}, "s behind (1 time server)"
    ),
    "no time servers": Broken(
        lambda s: (setattr(s.clock, "silent", True), setattr(s, "timeouts", replace(s.timeouts, time_s=0.2))),
        {"clock": N},
        "closer was not checked",
    ),
    "no time servers, and block times from the future": Broken(
        lambda s: (
            setattr(s.clock, "silent", True),
            setattr(s, "timeouts", replace(s.timeouts, time_s=0.2)),
            setattr(s.chain, "ahead_s", 2 * FUTURE_S),
        ),
        {"clock": E},
        "behind: block 1000 comes from its future",
    ),
    "a wrong address on the chain": Broken(
        lambda s: s.publish("8.8.8.8", 8091),
        {"network": E},
        "to 8.8.8.8:8091, but the miner is at",
    ),
    "no address on the chain": Broken(
        lambda s: s.publish("0.0.0.0", 0), {"network": E}, "The chain has no address of this miner"
    ),
    "another port named": Broken(
        lambda s: s.flags.extend(["--axon.external_port", "9"]), {"network": E}, f"but the miner is at {IP}:9"
    ),
    "an address that leads nowhere from inside": Broken(
        lambda s: setattr(s, "leads_back", False), {"network": N}, "cannot be seen from inside"
    ),
    "nobody registered": Broken(
        lambda s: s.chain.neurons.remove(s.seat), {"network": W, "registration": E}, "btcli subnets register"
    ),
    "next to be replaced": Broken(last, {"registration": E}, "the next registration replaces it"),
    "immunity about to end": Broken(newcomer, {"registration": W}, "immune to replacement for 0.3 hours"),
    "a dead subnet": Broken(idle, {"validators": E}, "0 of 2 validators set weights recently"),
    "a chain that is away": Broken(
        lambda s: s.chain.go_away(),
        {"chain": E, "network": W, "registration": W, "validators": W},
        "could not connect to any endpoint",
    ),
    "another subnet": Broken(
        lambda s: s.flags.extend(["--netuid", "7"]),
        {"chain": E, "network": W, "registration": W, "validators": W},
        "has no subnet 7",
    ),
    "no hotkey": Broken(
        lambda s: s.flags.extend(["--wallet.hotkey", "minor"]),
        {"wallet": E, "network": W, "registration": W},
        "did you mean 'miner'?",
    ),
    "a damaged hotkey": Broken(
        lambda s: s.hotkey_file.write_text("{}"),
        {"wallet": E, "network": W, "registration": W},
        "holds no private key",
    ),
    "a hotkey for everybody": Broken(lambda s: s.hotkey_file.chmod(0o644), {"wallet": E}, "chmod 600"),
    "keys for everybody": Broken(
        lambda s: ((s.folder / ".env").write_text("HF_TOKEN=hf_abc\n"), (s.folder / ".env").chmod(0o644)),
        {"wallet": W},
        "holds keys and is open",
    ),
    "a model that hangs": Broken(
        lambda s: (
            setattr(s.model, "mode", Mode.HANG_BEFORE_HEADERS),
            setattr(s, "timeouts", replace(s.timeouts, model_s=1.0)),
        ),
        {"models": E},
        "The model server at 127.0.0.1",
    ),
    "a model that breaks": Broken(
        lambda s: setattr(s.model, "mode", Mode.ERROR_500), {"models": E}, "answered 500"
    ),
    "no model server": Broken(
        lambda s: s.flags.extend(["--miner.llm_client.base_url", "http://127.0.0.1:9/v1"]),
        {"models": E},
        "cannot be reached",
    ),
    "a model that crawls": Broken(
        lambda s: setattr(s.model, "pause_s", 0.1),
        {"models": E},
        "and a validator waits 64 s",
    ),
    "a small context": Broken(lambda s: setattr(s.model, "context", 1024), {"models": W}, "only 1024 tokens"),
    "a key that is refused": Broken(
        lambda s: setattr(s.model, "key", "sesame"), {"models": E}, "the key (401)"
    ),
    "a full disk": Broken(lambda s: setattr(s, "free_bytes", 10**8), {"disk": E}, "0.1 GB are free"),
    "a disk that fills": Broken(lambda s: setattr(s, "free_bytes", 10**9), {"disk": W}, "1.0 GB are free"),
    "few open files": Broken(
        lambda s: setattr(s, "open_files", 256), {"limits": W}, "may have 256 files open"
    ),
    "pm2 not at boot": Broken(lambda s: s.unit.unlink(), {"boot": W}, "npx pm2 startup"),
    "a container": Broken(
        lambda s: (s.unit.unlink(), (s.root / "run/systemd/system").rmdir()), {"boot": N}, "npx pm2 resurrect"
    ),
    "pm2 not saved": Broken(lambda s: (s.pm2_home / "dump.pm2").unlink(), {"boot": W}, "npx pm2 save"),
    "pm2 down": Broken(lambda s: s.processes.remove(4241), {"boot": E}, "pm2 does not run"),
    "no ledger": Broken(
        lambda s: s.ledger.unlink(),
        {"demand": N},
        "there is no ledger",
    ),
    "a damaged ledger": Broken(
        lambda s: (s.folder / "ledger.sqlite").write_bytes(b"no database" * 999),
        {"demand": E},
        "Move the file aside",
    ),
    "a solver that is not there": Broken(
        lambda s: s.flags.extend(["--miner.solver", "genius"]), {"settings": E}, "got 'genius'"
    ),
    "a misspelt variable": Broken(
        lambda s: s.environ.update(SN35_VLM_FLAGS="--cpu"), {"settings": E}, "Did you mean SN35_VLLM_FLAGS?"
    ),
    "a category that nobody asks": Broken(
        lambda s: s.flags.extend(["--miner.category", "Poetry"]), {"settings": W}, "validators ask for Logic"
    ),
    "a vLLM for everybody": Broken(
        lambda s: s.environ.update(SN35_VLLM_HOST="0.0.0.0"),
        {"settings": E},
        "VLLM_API_KEY is not set",
    ),
    "a page for everybody": Broken(
        lambda s: s.flags.extend(["--console.host", "0.0.0.0"]),
        {"settings": E},
        "opens the page to other machines",
    ),
    "a short password": Broken(
        lambda s: s.flags.extend(["--console.password", "sesame"]), {"settings": E}, "has 6 characters"
    ),
    "a password that is guessed": Broken(
        lambda s: s.flags.extend(["--console.password", "Password12345"]), {"settings": W}, "easy to guess"
    ),
    "a password of few characters": Broken(
        lambda s: s.flags.extend(["--console.password", "abababababab"]), {"settings": W}, "easy to guess"
    ),
    "no room for the model": Broken(
        lambda s: (s.snapshot.unlink(), setattr(s, "free_bytes", 12 * 10**9)),
        {"disk": E},
        "takes 15 GB and is not downloaded; 12.0 GB are free",
    ),
    "a model of which one shard is there": Broken(
        lambda s: (
            s.snapshot.rename(s.snapshot.with_name("model-00001-of-00004.safetensors")),
            setattr(s, "free_bytes", 12 * 10**9),
        ),
        {"disk": E},
        "takes 15 GB and is not downloaded",
    ),
    "no room for the checkpoint that init writes": Broken(
        lambda s: (
            s.environ.update(SN35_VLLM_MODEL="Qwen/Qwen3-4B-AWQ"),
            setattr(s, "free_bytes", 4 * 10**9),
        ),
        {"disk": E},
        "Qwen/Qwen3-4B-AWQ takes 3 GB and is not downloaded; 4.0 GB are free",
    ),
    "no room where HF_HOME is": Broken(
        lambda s: (
            s.environ.update(HF_HOME=str(s.other_disk)),
            s.free_below.update({s.other_disk: 9 * 10**9}),
        ),
        {"disk": E},
        "9.0 GB are free in ",
    ),
    "an old driver": Broken(lambda s: setattr(s.nvml, "cuda", 12020), {"gpus": E}, "knows CUDA 12.2"),
    "no GPU": Broken(
        lambda s: setattr(s.nvml, "broken", "Driver Not Loaded"), {"gpus": E}, "Driver Not Loaded"
    ),
    "a GPU that fell off": Broken(
        lambda s: setattr(s, "gpu", ScriptedGpu(broken="GPU is lost")), {"gpus": E}, "GPU 0 cannot be read"
    ),
    "a GPU that others hold": Broken(
        lambda s: setattr(s, "gpu", ScriptedGpu(free_gib=11.0, holders=(77, 78))), {"gpus": W}, "ps -fp 77,78"
    ),
    "a GPU held by nobody knows whom": Broken(
        lambda s: setattr(s, "gpu", ScriptedGpu(free_gib=11.0)), {"gpus": W}, "hold 13.0 of the 24 GiB"
    ),
    "a hot GPU": Broken(
        lambda s: setattr(s, "gpu", ScriptedGpu(degrees=88)), {"gpus": W}, "at 88 degrees Celsius"
    ),
    "a GPU that slows down": Broken(
        lambda s: setattr(s, "gpu", ScriptedGpu(slowed=0x40)), {"gpus": W}, "hardware thermal slowdown"
    ),
    "an address inside": Broken(
        lambda s: s.flags.extend(["--axon.external_ip", "192.168.1.20"]),
        {"network": E},
        "is no address of the internet",
    ),
    "an address inside, and no service that knows the outer one": Broken(
        lambda s: (
            s.flags.extend(["--axon.external_ip", "10.0.0.7"]),
            setattr(s.address, "ip", "no address"),
        ),
        {"network": E},
        "is no address of the internet. ",
    ),
    "a base URL without /v1": Broken(
        lambda s: s.flags.extend(["--miner.llm_client.base_url", s.model.base_url.removesuffix("/v1")]),
        {"models": E},
        "has no /v1",
    ),
    "a miner without pm2": Broken(
        lambda s: (s.processes.clear(), (s.pm2_home / "pm2.pid").unlink()), {"boot": N}, "runs without pm2"
    ),
    "a small volume": Broken(
        lambda s: s.flags.extend(["--miner.epoch_volume", "50"]),
        {"settings": N},
        "announces 50 challenges",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_broken_is_found_and_nothing_else(setup: SetUp, name: str) -> None:
    broken = BROKEN[name]
    broken.how(setup)
    await setup.examined()
    assert setup.bad() == broken.finds, [setup.said(check) for check in setup.bad()]
    assert broken.says in "\n".join(setup.said(check) for check in broken.finds)
    for findings in setup.found.values():
        for one in findings:
            assert one.severity < W or one.mend, one  # a finding to mend says how
            assert one.checked or one.severity > Severity.OK


@pytest.mark.parametrize("starts", [(), (4242,)])
async def test_a_miner_that_pm2_calls_otherwise_is_pm2s_all_the_same(
    setup: SetUp, starts: tuple[int, ...]
) -> None:
    """`pm2 start python -- neurons/miner/miner.py ...`, as the subnet's documents have it; or a script."""
    pids = setup.pm2_home / "pids"
    (pids / "sn35-miner-1.pid").unlink()
    own = 4250 if starts else 4242
    (pids / "python-0.pid").write_text(str(own))
    setup.children_of = {own: set(starts)}
    setup.processes.add(own)
    (setup.pm2_home / "dump.pm2").write_text(json.dumps([{"name": "python"}]))
    setup.state = setup.state.model_copy(update={"pid": 4242})
    await setup.examined()
    assert setup.bad() == {}, [setup.said(check) for check in setup.bad()]
    assert "This shell" not in setup.said("limits")


async def test_a_mend_names_the_app_that_pm2_has(setup: SetUp) -> None:
    pids = setup.pm2_home / "pids"
    (pids / "sn35-miner-1.pid").rename(pids / "python-0.pid")
    setup.state = setup.state.model_copy(update={"pid": 4242, "hotkey": VALIDATORS[0]})
    await setup.examined()
    assert "npx pm2 restart python." in setup.said("network")


async def test_our_own_vllm_may_hold_its_gpu(setup: SetUp) -> None:
    (setup.pm2_home / "pids" / "sn35-vllm-0.pid").write_text("4243")
    setup.processes.add(4243)
    setup.gpu = ScriptedGpu(free_gib=2.0, holders=(4243,))
    await setup.examined()
    assert setup.bad() == {}


async def test_without_a_vllm_of_pm2s_nobody_looks_at_gpus(setup: SetUp) -> None:
    setup.nvml.broken = "Driver Not Loaded"
    for words in ({"SN35_VLLM": "false"}, {"SN35_VLLM_FLAGS": "--cpu --dtype bfloat16"}):
        setup.environ = dict(words)
        await setup.examined()
        assert setup.bad() == {}, words


async def test_keys_that_pm2_saved_for_everybody_to_read(
    setup: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wallet, "is_world_readable", lambda _: True)
    apps = [{"name": "sn35-vllm", "env": {"HF_TOKEN": "hf_abc"}}, {"name": "sn35-miner"}]
    (setup.pm2_home / "dump.pm2").write_text(json.dumps(apps))
    await setup.examined()
    assert setup.bad() == {"wallet": W}
    assert f"chmod 700 {setup.pm2_home}" in setup.said("wallet")
    assert "hf_abc" not in setup.said("wallet")


def test_a_file_is_for_everybody_if_the_way_to_it_is(tmp_path: Path) -> None:
    assert wallet.is_world_readable(Path("/etc/passwd"))
    file = tmp_path / "file"
    file.touch()
    file.chmod(0o644)
    tmp_path.chmod(0o700)
    assert not wallet.is_world_readable(file)
    assert not wallet.is_world_readable(tmp_path / "nothing")


async def test_another_program_on_the_port(setup: SetUp) -> None:
    setup.port = setup.model.port
    setup.publish(IP, setup.port)
    await setup.examined()
    assert setup.bad() == {"network": E}
    assert "Another program listens on" in setup.said("network")


async def test_a_miner_of_another_hotkey(setup: SetUp) -> None:
    setup.state = setup.state.model_copy(update={"hotkey": VALIDATORS[0]})
    await setup.examined()
    assert setup.bad() == {"network": E}
    assert f"mines for the hotkey {VALIDATORS[0]}; the settings name {setup.hotkey}" in setup.said("network")


async def test_a_miner_of_another_ledger(setup: SetUp) -> None:
    setup.state = setup.state.model_copy(update={"ledger": "/elsewhere/ledger.sqlite"})
    await setup.examined()
    assert setup.bad() == {"network": W}
    assert f"no miner that writes {setup.ledger}" in setup.said("network")


async def test_nobody_on_the_port(setup: SetUp) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    setup.port = server.sockets[0].getsockname()[1]
    setup.publish(IP, setup.port)
    server.close()
    await server.wait_closed()
    setup.leads_back = False
    await setup.examined()
    assert setup.bad() == {"network": E}
    assert "the miner does not run" in setup.said("network")


async def test_a_miner_that_is_stuck(setup: SetUp) -> None:
    stuck = asyncio.Event()

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stuck.wait()
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        setup.port = server.sockets[0].getsockname()[1]
        setup.publish(IP, setup.port)
        setup.timeouts = replace(setup.timeouts, axon_s=0.2, reach_s=0.2)
        await setup.examined()
        stuck.set()
    assert setup.bad() == {"network": E}
    assert "does not reply" in setup.said("network")


async def test_the_model_that_is_named_is_not_served(setup: SetUp) -> None:
    setup.flags += ["--miner.llm_client.model", "Qwen/Qwen3-8B"]
    setup.model.mode = Mode.ERROR_500
    await setup.examined()
    assert setup.bad() == {"models": E}
    assert "Qwen/Qwen3-8B is not served at" in setup.said("models")
    assert "MODEL to scripted" in setup.said("models")


async def test_offline_nothing_is_asked_of_the_chain(setup: SetUp) -> None:
    (setup.folder / "network.json").write_text('{"neurons": []}')
    setup.flags += ["--offline", "--chain.file", str(setup.folder / "network.json")]
    await setup.examined()
    assert set(setup.bad().values()) == {N}
    assert {"settings", "network", "chain", "registration", "validators"} == setup.bad().keys()
    assert setup.chain.opened == []


async def test_a_check_that_hangs_or_breaks_is_not_a_pass_and_holds_nobody_up(setup: SetUp) -> None:
    async def hangs(_: Context) -> Sequence[Finding]:
        await asyncio.Event().wait()
        return []

    async def breaks(_: Context) -> Sequence[Finding]:
        raise KeyError("sk-secret")

    def works(_: Context) -> Iterator[Finding]:
        yield ok("Fine.")

    checks = {"hangs": hangs, "breaks": breaks, "works": works}
    found = await run_checks(setup.context(), checks, within_s=0.05)
    assert [one.checked for findings in found.values() for one in findings] == [False, False, True]
    assert found["hangs"][0].severity is found["breaks"][0].severity is W
    assert "KeyError" in found["breaks"][0].what
    assert "secret" not in found["breaks"][0].what


async def test_nothing_is_changed(setup: SetUp) -> None:
    def written() -> dict[str, str]:
        # Beside a ledger SQLite keeps files of its own for readers.
        every = [path for path in setup.folder.rglob("*") if not path.name.startswith("ledger.sqlite-")]
        return {str(path): path.read_text(errors="replace") for path in every if path.is_file()}

    before = written()
    await setup.examined()
    assert written() == before
    assert setup.chain.served == []


async def test_the_model_fits_where_hf_home_is_and_the_home_does_not_matter(setup: SetUp) -> None:
    setup.snapshot.unlink()
    setup.free_bytes = 5 * 10**9  # too little for the 15 GB of the model
    setup.environ["HF_HOME"] = str(setup.other_disk)
    setup.free_below[setup.other_disk] = 100 * 10**9
    await setup.examined()
    assert "disk" not in setup.bad(), setup.said("disk")


async def test_a_model_with_all_its_shards_is_downloaded(setup: SetUp) -> None:
    for number in range(1, 5):
        (setup.snapshot.parent / f"model-{number:05}-of-00004.safetensors").touch()
    setup.snapshot.unlink()
    setup.free_bytes = 5 * 10**9
    await setup.examined()
    assert "disk" not in setup.bad(), setup.said("disk")
