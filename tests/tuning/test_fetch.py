"""`fetch-dataset`: rows of a hub's dataset, or one line that says why not."""

import gzip
import json
from pathlib import Path

import pytest

from logicnet._util.processes import free_port
from tests.harness.hub import loopback_hub
from tests.harness.training import start, write_rows


def test_rows_are_written_as_the_dataset_has_them(tmp_path: Path) -> None:
    rows = [{"question": f"{number}?", "answer": str(number), "tags": ["a", "ä"]} for number in range(9)]
    (tmp_path / "set").mkdir()
    write_rows(tmp_path / "set" / "train.jsonl", rows)
    for most in (None, 4):
        arguments = ["--rows", str(most)] if most else []
        process = start("fetch-dataset", str(tmp_path / "set"), tmp_path / "out.jsonl", *arguments)
        log, _ = process.communicate(timeout=300)
        assert process.returncode == 0, log
        found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert found == rows[:most]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("someone/rows", ""),
        ("someone/secret", "cannot be read without permission: set HF_TOKEN"),
        ("nobody/none", "does not exist"),
    ],
)
def test_what_a_hub_answers_becomes_one_line(name: str, words: str, tmp_path: Path) -> None:
    with loopback_hub() as hub:
        hub.add_dataset("someone/rows", {"rows.csv": b"question,answer\n1+1?,2\n"})
        hub.add_dataset("someone/secret", {"rows.csv": b"question,answer\n1+1?,2\n"})
        hub.gated.add("someone/secret")
        code, line = _fetched(name, hub.url, tmp_path)
    if words:
        assert code == 1
        assert line.startswith(f"dataset {name} ")
        assert words in line
    else:
        assert code == 0, line
        assert (tmp_path / "out.jsonl").read_text() == '{"question": "1+1?", "answer": 2}\n'


def test_a_dataset_that_unpacks_to_more_than_is_taken_leaves_nothing(tmp_path: Path) -> None:
    rows = "question,answer\n" + "1,2\n" * 10_000
    with loopback_hub() as hub:
        hub.add_dataset("someone/rows", {"rows.csv.gz": gzip.compress(rows.encode())})
        code, line = _fetched("someone/rows", hub.url, tmp_path, "--most-bytes", "1000")
        assert (code, "over 1e-06 GB" in line) == (1, True), line
        assert not list(tmp_path.glob("*.jsonl*"))
        code, line = _fetched("someone/rows", hub.url, tmp_path, "--most-bytes", "1000", "--rows", "9")
    assert (code, len((tmp_path / "out.jsonl").read_text().splitlines())) == (0, 9), line


def test_a_dataset_names_no_file_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("question,answer\nsecret,1\n")
    card = f"---\nconfigs:\n- config_name: default\n  data_files: '{tmp_path}/secret.csv'\n---\n"
    with loopback_hub() as hub:
        hub.add_dataset("someone/rows", {"README.md": card.encode(), "rows.csv": b"question,answer\n1,2\n"})
        code, line = _fetched("someone/rows", hub.url, tmp_path)
    assert code == 1, line
    assert not (tmp_path / "out.jsonl").exists()
    assert "relative paths" in line


def test_a_hub_that_does_not_answer_is_named_in_one_line(tmp_path: Path) -> None:
    hub = f"http://127.0.0.1:{free_port()}"
    code, line = _fetched("someone/rows", hub, tmp_path)
    assert code == 1
    assert line.startswith("dataset someone/rows cannot be fetched")
    assert hub in line
    assert not list(tmp_path.glob("*.jsonl"))


def _fetched(name: str, hub: str, folder: Path, *words: str) -> tuple[int, str]:
    """Exit code, and the last line that the command says."""
    process = start(
        "fetch-dataset",
        name,
        folder / "out.jsonl",
        *words,
        environment={"HF_ENDPOINT": hub, "HF_HUB_OFFLINE": "0", "HF_HOME": str(folder / "home")},
    )
    log, _ = process.communicate(timeout=300)
    assert "Traceback" not in log
    return process.returncode, (log.splitlines() or [""])[-1]
