"""The operator's own repository for tournaments."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from logicnet.errors import TuningError
from logicnet.tuning.compete import entry
from logicnet.tuning.compete.entry import Entry, make, run
from logicnet.tuning.compete.tournament import EntryOptions
from scripts import setup

ROOT = Path(__file__).parents[4]
TERMS = "Terms of the tournament — § 1\r\n".encode()  # bytes that an editor would change


@pytest.fixture
def god(tmp_path: Path) -> Path:
    folder = tmp_path / "god"
    folder.mkdir()
    (folder / "LICENSE.md").write_bytes(TERMS)
    (folder / "NOTICE").write_bytes(b"Notice\n\n")
    return folder


@pytest.fixture(autouse=True)
def identity(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of git, whoever runs this."""
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "An operator")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "operator@example.com")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "none"))


def options(out: Path, god: Path | str) -> EntryOptions:
    return EntryOptions.parse({"out": out, "god": str(god)})


def files(made: Entry) -> set[str]:
    listed = subprocess.run(
        ["git", "-C", made.folder, "ls-tree", "-r", "--name-only", made.commit],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(listed.stdout.splitlines())


def test_an_entry_holds_what_the_tournament_demands(tmp_path, god):
    made = make(options(tmp_path / "entry", god))
    assert re.fullmatch("[0-9a-f]{40}", made.commit)
    there = files(made)
    assert {"LICENSE", "NOTICE", "README.md", "LICENSES/logicnet.txt", "requirements/trainer.txt"} <= there
    assert {f"dockerfiles/standalone-{kind}-trainer.dockerfile" for kind in ("text", "image")} <= there
    assert "logicnet/tuning/train/text.py" in there
    assert (made.folder / "LICENSE").read_bytes() == TERMS
    assert (made.folder / "NOTICE").read_bytes() == b"Notice\n\n"
    assert (made.folder / "LICENSES" / "logicnet.txt").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_what_a_docker_file_copies_is_in_the_entry(tmp_path, god):
    made = make(options(tmp_path / "entry", god))
    for file in (made.folder / "dockerfiles").iterdir():
        copied = [line.split()[1:-1] for line in file.read_text().splitlines() if line.startswith("COPY ")]
        assert copied
        assert all((made.folder / one).exists() for line in copied for one in line)


def test_an_entry_is_brought_up_to_date_and_an_unchanged_one_keeps_its_commit(tmp_path, god):
    first = make(options(tmp_path / "entry", god))
    assert make(options(tmp_path / "entry", god)).commit == first.commit
    (god / "NOTICE").write_bytes(b"Another\n")
    (first.folder / "logicnet" / "left_over.py").write_text("gone = True\n")
    second = make(options(tmp_path / "entry", god))
    assert second.commit != first.commit
    assert files(second) == files(first)


def test_the_settings_that_name_it_are_printed(tmp_path, god, capsys):
    url = "https://github.com/me/entry"
    assert run(EntryOptions.parse({"out": tmp_path / "e", "god": str(god), "url": url})) == 0
    commit = make(options(tmp_path / "e", god)).commit
    assert f"--tuning.text_repo {url}@{commit}" in capsys.readouterr().out


def test_a_folder_of_something_else_is_left_alone(tmp_path, god):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(TuningError, match="exists and is no entry: name a new folder with --out"):
        make(options(tmp_path / "mine", god))
    assert [one.name for one in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_licence_that_is_not_there_or_is_ours_is_refused(tmp_path, god):
    (god / "NOTICE").unlink()
    with pytest.raises(TuningError, match="there is no NOTICE; name a clone"):
        make(options(tmp_path / "entry", god))
    with pytest.raises(TuningError, match="there is no NOTICE"):
        make(options(tmp_path / "entry", ROOT))
    (god / "NOTICE").touch()
    (god / "LICENSE").write_bytes((ROOT / "LICENSE").read_bytes())
    with pytest.raises(TuningError, match="this LICENSE is this project's own"):
        make(options(tmp_path / "entry", god))
    assert not (tmp_path / "entry").exists()


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/x", "ftp://host/x"])
def test_an_address_that_does_not_answer_is_one_line(tmp_path, address):
    with pytest.raises(TuningError, match=r"clone of G.O.D. with --god|takes a folder or an http"):
        make(options(tmp_path / "entry", address))


def test_a_file_that_nobody_can_read_is_refused(tmp_path, god, monkeypatch):
    checkout = tmp_path / "checkout"
    for name in ("dockerfiles", "logicnet", "requirements"):
        (checkout / name).mkdir(parents=True)
        (checkout / name / "a.txt").touch()
    (checkout / "pyproject.toml").touch()
    (checkout / "LICENSE").touch()
    (checkout / "logicnet" / "fast.so").write_bytes(b"\x7fELF")
    monkeypatch.setattr(entry, "CHECKOUT", checkout)
    with pytest.raises(TuningError, match=r"fast.so is no text"):
        make(options(tmp_path / "entry", god))


def test_the_trainers_packages_are_those_of_the_set_up():
    wanted = [
        line for line in (ROOT / "requirements" / "trainer.txt").read_text().splitlines() if line[0] != "#"
    ]
    torch = setup.TORCH[0].partition("+")[0]
    assert wanted == [torch, *setup.TUNE]


@pytest.mark.parametrize("kind", ["text", "image"])
def test_a_docker_file_ends_in_the_command_that_this_package_has(kind):
    text = (ROOT / "dockerfiles" / f"standalone-{kind}-trainer.dockerfile").read_text()
    entrypoint = json.loads(re.findall(r"^ENTRYPOINT (.+)$", text, re.MULTILINE)[0])
    assert entrypoint[1:] == ["tune", "trainer"]
    assert entrypoint[0] in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
