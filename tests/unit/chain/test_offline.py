import json
from pathlib import Path
from typing import Any

import pytest
from bittensor.sp_core import Keypair, ss58_encode

from logicnet.chain import AxonAddress, Neuron, OfflineChain
from logicnet.errors import ChainError, SettingsError

ALICE, BOB = (Keypair.create_from_uri(uri).ss58_address for uri in ("//Alice", "//Bob"))
ELSEWHERE = ss58_encode(Keypair.create_from_uri("//Alice").public_key, 0)  # Polkadot's format


def neuron(**fields: Any) -> dict[str, Any]:
    return {"uid": 0, "hotkey": ALICE, "stake": 50_000.0, "validator_permit": True, **fields}


def write(path: Path, *neurons: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"neurons": neurons}))
    return path


async def test_json_and_toml_give_the_same_network(tmp_path: Path) -> None:
    as_json = write(tmp_path / "net.json", neuron(), {"uid": 3, "hotkey": BOB})
    as_toml = tmp_path / "net.toml"
    as_toml.write_text(
        f'[[neurons]]\nuid = 0\nhotkey = "{ALICE}"\nstake = 50000\nvalidator_permit = true\n'
        f'[[neurons]]\nuid = 3\nhotkey = "{BOB}"\n'
    )
    for path in (as_json, as_toml):
        chain = OfflineChain(path, clock=lambda: 5.0)
        chain.load()
        graph = await chain.metagraph()
        assert graph.neurons == (Neuron(0, ALICE, 50_000.0, True), Neuron(3, BOB))
        assert graph.fetched_at_s == 5.0


def test_the_readmes_network_is_a_miner_and_who_may_ask_it(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "README.md").read_text().partition("logicnet mine --offline")[2]
    sample = text[text.index('{"neurons"') :].partition("\n\n")[0]
    path = tmp_path / "net.json"
    path.write_text(sample.replace("5...MINER", ALICE).replace("5...VALIDATOR", BOB))
    assert [neuron.may_ask(10_000) for neuron in OfflineChain(path).load().neurons] == [False, True]


@pytest.mark.parametrize(
    ("neurons", "told"),
    [
        ([neuron(), neuron(uid=1, hotkey="5Not")], r"neuron 2, hotkey: not an ss58 address of Bittensor."),
        ([neuron(hotkey=ELSEWHERE)], r"neuron 1, hotkey: not an ss58 address of Bittensor."),
        ([neuron(), neuron(uid=1)], r"neuron 2, hotkey: another neuron has it already."),
        ([neuron(), neuron(hotkey=BOB)], r"neuron 2, uid: another neuron has it already."),
        ([neuron(stake=-1)], r"neuron 1, stake: must be greater than or equal to 0."),
        ([neuron(stake=float("nan"))], r"neuron 1, stake: must be .*"),
        ([neuron(stake=float("inf"))], r"neuron 1, stake: must be a finite number."),
        ([neuron(stake="50000")], r"neuron 1, stake: must be a number."),
        ([neuron(uid=-1)], r"neuron 1, uid: must be greater than or equal to 0."),
        ([neuron(uid=True)], r"neuron 1, uid: must be a whole number."),
        ([neuron(validator_permit=1)], r"neuron 1, validator_permit: must be true or false."),
        ([neuron(steak=1)], r"neuron 1, steak: is unknown; did you mean stake\?"),
        (
            [neuron(**{"new\nline": 1})],
            r"neuron 1, 'new\\nline': is unknown; known keys: uid, hotkey, stake, validator_permit.",
        ),
        ([{"uid": 0}], r"neuron 1, hotkey: is missing."),
        ([7], r"neuron 1: must be a table, as { name = value }."),
    ],
)
def test_a_wrong_neuron_is_named_in_one_line(tmp_path: Path, neurons: list[Any], told: str) -> None:
    path = write(tmp_path / "net.json", *neurons)
    with pytest.raises(SettingsError, match=rf"^--chain\.file {path}: {told}$"):
        OfflineChain(path).load()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("net.json", b"{", r"not JSON \(Expecting .*line 1.*\)\."),
        ("net.json", b"", r"not JSON \(.*\)\."),
        ("net.json", b"[" * 100_000, r"not JSON \(.*\)\."),
        ("net.toml", b"neurons = [", r"not TOML \(.*\)\."),
        ("net.json", b"\xff\xfe", r"not UTF-8 text\."),
        ("net.json", b"[]", r"must be a table, as { name = value }\."),
        ("net.json", b"{}", r"neurons: is missing\."),
        ("net.json", b'{"neurons": 1}', r"neurons: must be a list in brackets\."),
        ("net.json", b'{"neurons": [], "netuid": 35}', r"netuid: is unknown; known keys: neurons\."),
    ],
)
def test_a_wrong_file_is_named_in_one_line(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=rf"^--chain\.file {path}: {told}$") as error:
        OfflineChain(path).load()
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot be read \(No such file or directory\)\."):
        OfflineChain(tmp_path / "none.json").load()
    with pytest.raises(SettingsError, match=r"cannot be read \(Is a directory\)\."):
        OfflineChain(tmp_path).load()


async def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "net.json", neuron())
    chain = OfflineChain(path)
    first = await chain.metagraph()
    again = await chain.metagraph()
    assert again.neurons is first.neurons  # not read again: it did not change
    write(path, neuron(), neuron(uid=1, hotkey=BOB))
    assert BOB in (await chain.metagraph()).by_hotkey

    other = write(tmp_path / "other.json", neuron(hotkey=BOB))
    other.replace(path)
    assert list((await chain.metagraph()).by_hotkey) == [BOB]


async def test_a_file_that_breaks_later_leaves_the_last_good_one_in_force(
    tmp_path: Path, said: list[str]
) -> None:
    path = write(tmp_path / "net.json", neuron())
    chain = OfflineChain(path)
    good = await chain.metagraph()
    path.write_text("{")
    for _ in range(3):
        assert await chain.metagraph() is good  # with its true age
    path.unlink()
    assert await chain.metagraph() is good
    assert [line.split(":")[0] for line in said] == ["WARNING --chain.file " + str(path)] * 2
    assert all("The last good version stays in force" in line for line in said)

    write(path, neuron(hotkey=BOB))
    assert list((await chain.metagraph()).by_hotkey) == [BOB]
    assert said[2:] == [f"INFO --chain.file {path} is valid again."]


async def test_a_file_that_was_never_right_gives_no_network(tmp_path: Path) -> None:
    with pytest.raises(ChainError, match="cannot be read"):
        await OfflineChain(tmp_path / "none.json").metagraph()


async def test_publishing_and_closing_do_nothing(tmp_path: Path) -> None:
    chain = OfflineChain(tmp_path / "none.json")
    await chain.serve_axon(AxonAddress("1.2.3.4", 1))
    await chain.close()
