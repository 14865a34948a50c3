"""How much memory there is, and whether the kernel killed for want of it, by /proc and control groups."""

from pathlib import Path

import pytest

from logicnet.tuning.train import memory as module
from logicnet.tuning.train.memory import Memory, memory, oom_kills

MEMINFO = "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 400 kB\nSwapTotal: 200 kB\nSwapFree: 100 kB\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One with 1,200 KiB, 500 of them free, and 3 processes killed; no control groups."""
    monkeypatch.setattr(module, "PROC", tmp_path / "proc")
    monkeypatch.setattr(module, "CGROUPS", tmp_path / "cgroup")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "cgroup").mkdir()
    write(tmp_path / "proc", meminfo=MEMINFO, vmstat="nr_free_pages 7\noom_kill 3\n")
    return tmp_path


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".", 1) if name.startswith("memory") else folder / name).write_text(text)


def test_without_control_groups_the_machine_counts(machine):
    assert memory() == Memory(1200 << 10, 500 << 10)
    assert oom_kills() == 3


def test_the_group_with_the_least_left_counts(machine):
    (machine / "proc/self/cgroup").write_text("0::/outer/inner\n")
    group = machine / "cgroup/outer/inner"
    write(group, memory_max="max", memory_events="low 0\noom 9\noom_kill 1\n")
    write(group.parent, memory_max=str(300 << 10), memory_stat=f"anon {280 << 10}\nfile 5\n")
    found = memory()
    assert found == Memory(300 << 10, 20 << 10)
    assert found.used == pytest.approx(280 / 300)
    assert oom_kills() == 1


def test_a_group_of_version_1(machine):
    (machine / "proc/self/cgroup").write_text("9:cpu:/a\n4:memory:/a\n0::/\n")
    group = machine / "cgroup/memory/a"
    write(group, memory_limit_in_bytes=str(100 << 10), memory_stat=f"cache 1\ntotal_rss {60 << 10}\n")
    write(group, memory_oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    write(group.parent, memory_limit_in_bytes=str((1 << 63) - 4096), memory_stat="total_rss 1\n")
    assert memory() == Memory(100 << 10, 40 << 10)
    assert oom_kills() == 2


def test_a_container_that_does_not_see_its_outer_path_has_the_root_of_what_it_sees(machine):
    (machine / "proc/self/cgroup").write_text("0::/docker/abc\n")
    write(machine / "cgroup", memory_max=str(10 << 10), memory_stat="anon 0\n", memory_events="oom_kill 5\n")
    assert memory() == Memory(10 << 10, 10 << 10)
    assert oom_kills() == 5


def test_where_nothing_can_be_read_nothing_is_known(machine, monkeypatch):
    monkeypatch.setattr(module, "PROC", machine / "none")
    assert (memory(), oom_kills()) == (None, None)
