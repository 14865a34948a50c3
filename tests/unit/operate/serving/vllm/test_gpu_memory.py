"""Is the memory there that a vLLM will take?"""

import pytest

from logicnet.operate.serving.vllm.room import shortages
from tests.harness.scripted_nvml import NVMLError, ScriptedGpu, ScriptedNvml

FULL = ScriptedGpu(free_gib=2.0, holders=(999_999_999,))
EMPTY = ScriptedGpu(free_gib=23.9)
LOST = ScriptedGpu(broken="GPU is lost")


@pytest.mark.parametrize(
    ("held", "count", "visible", "found"),
    [
        ([EMPTY, FULL], 1, None, []),
        ([EMPTY, FULL], 2, None, [1]),
        ([EMPTY, FULL], 1, "1", [1]),
        ([FULL, EMPTY], 1, "1,0", []),
        ([FULL, EMPTY], 2, "GPU-a, GPU-b", [0]),
        ([LOST, FULL], 2, None, [1]),
        ([], 1, None, []),
    ],
)
def test_only_gpus_that_it_will_take_are_looked_at(held, count, visible, found):
    nvml = ScriptedNvml(held)
    assert [one.index for one in shortages(nvml, 0.9, count, visible)] == found
    assert nvml.open == 0


def test_who_holds_it_is_told():
    (one,) = shortages(ScriptedNvml([FULL]), 0.9, 1)
    assert str(one) == (
        "GPU 0 has 2.0 of the 21.6 GiB free that vLLM takes, held by process 999999999 (unknown, 1.0 GiB)"
    )


@pytest.mark.parametrize("method", ["nvmlInit", "nvmlDeviceGetCount"])
def test_a_driver_that_does_not_answer_keeps_nobody_from_starting(method, monkeypatch):
    nvml = ScriptedNvml([FULL])
    monkeypatch.setattr(nvml, method, _lost)
    assert shortages(nvml, 0.9, 1) == []
    assert nvml.open == 0


def test_a_gpu_is_short_though_nobody_tells_who_holds_it(monkeypatch):
    nvml = ScriptedNvml([FULL])
    monkeypatch.setattr(nvml, "nvmlDeviceGetComputeRunningProcesses", _lost)
    (one,) = shortages(nvml, 0.9, 1)
    assert str(one) == "GPU 0 has 2.0 of the 21.6 GiB free that vLLM takes"


def _lost(*_: object) -> None:
    raise NVMLError("GPU is lost")
