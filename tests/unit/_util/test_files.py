import stat
from pathlib import Path

import pytest

from logicnet._util.files import write_whole


@pytest.mark.parametrize("data", ["new é", "new é".encode()])
@pytest.mark.parametrize("sync", [False, True])
def test_a_file_is_replaced_and_nothing_stays_beside_it(
    tmp_path: Path, data: bytes | str, sync: bool
) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    write_whole(path, data, sync=sync)
    assert path.read_text("utf-8") == "new é"
    assert list(tmp_path.iterdir()) == [path]


def test_a_private_file_is_private_from_its_first_byte_also_after_a_killed_process(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    leftover = tmp_path / ".a.json.part"
    leftover.write_text("half of ol")
    leftover.chmod(0o644)
    write_whole(path, "new", mode=0o600)
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_old_file_stays_if_the_new_one_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    (tmp_path / ".a.json.part").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(path, "new")
    assert path.read_text() == "old"
