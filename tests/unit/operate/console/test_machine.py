from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from logicnet._util.processes import free_port
from logicnet.operate.console.alerts import alerts
from logicnet.operate.console.machine import WINDOW_S, MachineReader, panel
from logicnet.operate.console.snapshot import MachineFigures, VllmFigures
from logicnet.operate.console.source import MinerSource
from logicnet.operate.serving.gpu_load import GpuLoad, gpu_loads
from logicnet.operate.telemetry import state as telemetry
from logicnet.operate.telemetry.state import MOST_PAGE_BYTES, ModelServerState
from tests.harness.scripted_metrics import MetricsServer, metrics_server, page
from tests.harness.scripted_nvml import GIB, ScriptedGpu, ScriptedNvml
from tests.unit.operate.console.scenes import NOW_S, scene
from tests.unit.operate.console.test_alerts import seen


@pytest.fixture
def vllm() -> Iterator[MetricsServer]:
    with metrics_server() as made:
        yield made


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def server(place: str, **more: object) -> ModelServerState:
    return ModelServerState(name=f"{place} named", healthy=True, **more)  # type: ignore[arg-type]


def test_a_vllm_tells_its_model_cache_queue_and_what_the_last_minutes_were_like(vllm: MetricsServer) -> None:
    clock = Clock()
    reader = MachineReader(ScriptedNvml(), clock=clock)
    servers = [server(vllm.place), server(vllm.place)]
    vllm.text = page(tokens=1000, first=10, first_s=90.0, prompts=500, hits=400, waiting=7)
    (one,) = reader.read(servers).vllms
    assert one == VllmFigures(vllm.place, "org/model", 0.5, 4, 7)
    clock.now_s = 10.0
    vllm.text = page(tokens=1600, first=14, first_s=92.0, prompts=1500, hits=650)
    (one,) = reader.read(servers).vllms
    assert (one.tokens_per_s, one.first_token_s, one.prefix_hits, one.waiting) == (60.0, 0.5, 0.25, 0)
    assert vllm.asked == ["/metrics", "/metrics"]
    clock.now_s = 10.0 + WINDOW_S + 1  # the first reads are older than the window
    vllm.text = page(tokens=1600, first=14, first_s=92.0, prompts=1500, hits=650)
    (one,) = reader.read(servers).vllms
    assert (one.first_token_s, one.prefix_hits) == (None, None)
    reader.close()


def test_a_restarted_vllm_begins_anew(vllm: MetricsServer) -> None:
    clock = Clock()
    reader = MachineReader(ScriptedNvml(), clock=clock)
    vllm.text = page(tokens=9000, first=10, first_s=90.0)
    reader.read([server(vllm.place)])
    clock.now_s = 5.0
    vllm.text = page(tokens=10, first=1, first_s=1.0)
    assert reader.read([server(vllm.place)]).vllms[0].first_token_s is None
    clock.now_s = 10.0
    vllm.text = page(tokens=110, first=2, first_s=4.0)
    (one,) = reader.read([server(vllm.place)]).vllms
    assert (one.first_token_s, one.tokens_per_s) == (3.0, 20.0)
    reader.close()


@pytest.mark.parametrize("text", [None, "", "process_cpu_seconds_total 3\n", "<html>", 'vllm:x{a="b 3\n'])
def test_what_is_no_vllm_is_left_alone_for_minutes(vllm: MetricsServer, text: str | None) -> None:
    clock = Clock()
    reader = MachineReader(ScriptedNvml(), clock=clock)
    vllm.text = text
    for clock.now_s in (0.0, 5.0, 10.0, 299.0):
        assert reader.read([server(vllm.place)]).vllms == ()
    assert len(vllm.asked) == 1
    vllm.text, clock.now_s = page(), 300.0
    assert reader.read([server(vllm.place)]).vllms[0].model == "org/model"
    reader.close()


def test_a_paid_server_is_not_asked_and_a_dead_one_has_no_figures(vllm: MetricsServer) -> None:
    reader = MachineReader(ScriptedNvml())
    found = reader.read([server(vllm.place, paid=True), server(f"127.0.0.1:{free_port()}"), server("x y:z/")])
    assert (found.vllms, vllm.asked) == ((), [])
    reader.close()


def test_gpus_tell_use_memory_and_heat() -> None:
    nvml = ScriptedNvml(
        [
            ScriptedGpu(free_gib=4.0, busy=87, degrees=71),
            ScriptedGpu("NVIDIA H100 MIG 1g.10gb", 10.0, 9.0, busy=None),
            ScriptedGpu(broken="GPU is lost"),
            ScriptedGpu(degrees=93, slowed=0x40),
        ]
    )
    first, part, lost, hot = gpu_loads(nvml)
    assert first == GpuLoad(0, "NVIDIA GeForce RTX 4090", 0.87, 20 * GIB, 24 * GIB, 71)
    assert part.busy is None and part.used_bytes == GIB
    assert lost == GpuLoad(2, error="GPU is lost")
    assert (hot.degrees, hot.slowed) == (93, ("hardware thermal slowdown",))
    assert nvml.open == 0
    assert gpu_loads(ScriptedNvml(broken="Driver Not Loaded")) == ()
    now = replace(seen(), machine=MachineFigures(NOW_S, gpus=(first, part, lost, hot)))
    assert [(one.level, one.key) for one in alerts(now)] == [("bad", "gpu 2"), ("warning", "gpu 3")]
    shown = panel(now)
    assert "as of" not in shown
    assert "as of 01:46:40 UTC" in panel(replace(now, at_s=NOW_S + 31))  # the read of them hangs
    assert "87% busy, 20.0 of 24 GiB, 71 \N{DEGREE SIGN}C" in shown
    assert "cannot be read: GPU is lost" in shown


def test_the_panel_escapes_names_and_is_empty_without_figures() -> None:
    assert panel(seen()) == ""
    one = VllmFigures("h:1", "<img>", 1.7, 3, 2, 41.0, 0.25, 0.5)
    shown = panel(replace(seen(), machine=MachineFigures(NOW_S, (one,))))
    assert "<img>" not in shown and "width:100%" in shown
    assert "3 running, 2 waiting, 170% of the KV cache, 41 tokens/s, first token after 0.2 s, 50%" in shown


def test_a_snapshot_does_not_wait_for_a_vllm(vllm: MetricsServer, tmp_path: Path) -> None:
    vllm.answers.clear()
    with scene(tmp_path / "l.sqlite", filled=False) as made:
        made.state = made.state.model_copy(update={"servers": [server(vllm.place)]})
        with MinerSource(made.path, machine=MachineReader(ScriptedNvml())) as source:
            assert source.snapshot().machine == MachineFigures()
            vllm.answers.set()
            for _ in range(1000):
                if (now := source.snapshot()).machine.vllms:
                    break
                time.sleep(0.01)
            assert [one.model for one in now.machine.vllms] == ["org/model"]


def test_a_page_without_end_is_not_read_to_its_end(
    vllm: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with metrics_server() as sound:
        servers = [server(vllm.place), server(sound.place)]
        vllm.text = page() + "#" * MOST_PAGE_BYTES
        with closing(MachineReader(ScriptedNvml())) as reader:
            assert [one.place for one in reader.read(servers).vllms] == [sound.place]
        monkeypatch.setattr(telemetry, "_PAGE_S", 0.2)
        vllm.text, vllm.drips = page(), True
        with closing(MachineReader(ScriptedNvml())) as reader:
            assert [one.place for one in reader.read(servers).vllms] == [sound.place]
        vllm.drips = False


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf"])
def test_figures_that_are_no_numbers_count_for_nothing(vllm: MetricsServer, value: str) -> None:
    vllm.text = page(waiting=7).replace(" 3.0\n", f" {value}\n").replace(" 0.5\n", f" {value}\n")
    with closing(MachineReader(ScriptedNvml())) as reader:
        (one,) = reader.read([server(vllm.place)]).vllms
    assert (one.running, one.waiting, one.kv_used) == (1, 7, 0.25)
