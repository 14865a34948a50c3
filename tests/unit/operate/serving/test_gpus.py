"""The GPUs of a machine: as NVML reads them, as the operator describes them, or an error that helps."""

from __future__ import annotations

import pytest

from logicnet.errors import SettingsError
from logicnet.operate.serving.catalogue import load
from logicnet.operate.serving.gpus import (
    Device,
    NoGpu,
    cards,
    cpu,
    detect,
    gpus_named,
    gpus_of_size,
    speed_of,
)
from logicnet.operate.serving.plan import ServingPlan, plan
from tests.harness.scripted_nvml import GIB, ScriptedGpu, ScriptedNvml

SMALL = ScriptedGpu("NVIDIA L4", 22.5, 22.0)
BIG = ScriptedGpu("NVIDIA A100-SXM4-80GB", 80.0, 79.0, (8, 0))


def test_equal_gpus_are_one_machine_and_the_fullest_of_them_counts():
    nvml = ScriptedNvml([ScriptedGpu(free_gib=23.5), ScriptedGpu(free_gib=12.0)])
    machine = detect(nvml)
    assert str(machine) == "2 x NVIDIA GeForce RTX 4090, 24 GiB each"
    assert [gpu.free_bytes for gpu in machine.devices] == [12 * GIB] * 2
    assert machine.devices[0].capability == 8.9
    assert not machine.notes
    assert nvml.open == 0


def test_of_different_gpus_the_largest_kind_is_taken_and_said():
    machine = detect(ScriptedNvml([SMALL, BIG]), {})
    assert str(machine) == "1 x NVIDIA A100-SXM4-80GB, 80 GiB"
    (note,) = machine.notes
    assert "the GPUs differ" in note
    assert "NVIDIA L4" in note
    assert "CUDA_VISIBLE_DEVICES" in note
    assert machine.environment == {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": "1"}


@pytest.mark.parametrize(
    ("visible", "gpus"),
    [
        ("0", "1 x NVIDIA L4, 22 GiB"),
        ("1", "1 x NVIDIA A100-SXM4-80GB, 80 GiB"),
        ("2, 0", "2 x NVIDIA L4, 22 GiB each"),
        ("7,0", "1 x NVIDIA L4, 22 GiB"),
        ("GPU-8932f937-d72c", "1 x NVIDIA A100-SXM4-80GB, 80 GiB"),
    ],
)
def test_what_vllm_will_not_see_is_not_planned_for(visible, gpus):
    assert str(detect(ScriptedNvml([SMALL, BIG, SMALL]), {"CUDA_VISIBLE_DEVICES": visible})) == gpus


@pytest.mark.parametrize("visible", ["", "-1"])
def test_gpus_that_are_all_hidden_are_said(visible):
    with pytest.raises(NoGpu, match=f"CUDA_VISIBLE_DEVICES={visible} hides them"):
        detect(ScriptedNvml([SMALL]), {"CUDA_VISIBLE_DEVICES": visible})


def test_a_plan_for_some_of_the_gpus_starts_vllm_on_those():
    model = load(None).find("Qwen/Qwen2.5-7B-Instruct")
    found = plan(model, detect(ScriptedNvml([SMALL, BIG]), {}))
    assert isinstance(found, ServingPlan)
    assert found.environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert not plan(model, detect(ScriptedNvml([BIG, BIG]), {})).environment


def test_a_gpu_that_cannot_be_read_is_left_out_and_said():
    machine = detect(ScriptedNvml([ScriptedGpu(broken="GPU is lost"), BIG]))
    assert len(machine.devices) == 1
    assert list(machine.notes) == ["GPU 0 cannot be read (GPU is lost) and is left out"]


def test_a_capability_that_nvml_does_not_tell_is_not_known():
    assert detect(ScriptedNvml([ScriptedGpu(capability=None)])).devices[0].capability is None


@pytest.mark.parametrize(
    ("nvml", "reason"),
    [
        (ScriptedNvml(broken="NVML Shared Library Not Found"), "NVML Shared Library Not Found"),
        (ScriptedNvml(), "no GPU can be read"),
        (ScriptedNvml([ScriptedGpu(broken="Unknown Error")]), "GPU 0 cannot be read (Unknown Error)"),
    ],
)
def test_without_a_gpu_one_line_says_what_to_do(nvml, reason):
    with pytest.raises(NoGpu) as error:
        detect(nvml)
    assert reason in str(error.value)
    assert "--card L40S, --vram 24 --gpus 1, or --cpu" in str(error.value)


def test_described_gpus_are_taken_as_they_are_sold():
    machine = gpus_of_size(24, 2)
    assert machine.devices == [Device("GPU of 24 GB", int(22.5 * GIB), capability=8.6)] * 2  # as an A10
    assert str(machine) == "2 x GPU of 24 GB"
    assert str(detect(ScriptedNvml([SMALL, SMALL]))) == "2 x NVIDIA L4, 22 GiB each"


@pytest.mark.parametrize(("vram", "count"), [(0, 1), (-24, 1), (24, 0), (9999, 1)])
def test_impossible_gpus_are_refused(vram, count):
    with pytest.raises(SettingsError, match="--vram takes"):
        gpus_of_size(vram, count)


def test_a_cpu_is_a_machine_with_cores():
    machine = cpu(16, cores=4)
    assert machine.is_cpu
    assert str(machine) == "a CPU with 4 cores and 16 GiB of memory"
    assert cpu().cores


def test_a_gpu_is_known_by_its_name_and_else_by_its_size():
    assert speed_of("NVIDIA H100 PCIe", 80 * GIB)[0] == 2000e9
    assert speed_of("NVIDIA H100 80GB HBM3", 80 * GIB)[0] == 3350e9
    assert speed_of("NVIDIA RTX A4000", 16 * GIB)[0] == 448e9  # no A40
    assert speed_of("NVIDIA A100-PCIE-40GB", 40 * GIB)[0] == 1555e9  # older memory than that of 80 GB
    assert speed_of("NVIDIA GeForce RTX 3080", 10 * GIB)[0] == 760e9  # NVML does not name its size
    assert speed_of("NVIDIA GeForce RTX 3080", 12 * GIB)[0] == 912e9
    assert speed_of("NVIDIA GH200 480GB", 96 * GIB)[0] == 4000e9  # 480 GB are its CPU's
    laptop = speed_of("NVIDIA GeForce RTX 4090 Laptop GPU", 16 * GIB)
    assert laptop == speed_of("of tomorrow", 16 * GIB)
    assert speed_of("NVIDIA RTX 4000 Ada Generation", 20 * GIB)[0] == 360e9
    assert speed_of("GPU of 24 GB", 24 * GIB) == speed_of("NVIDIA A10", 24 * GIB)
    assert speed_of("of tomorrow", 4096 * GIB)[0] == 4800e9


@pytest.mark.parametrize(
    ("name", "card", "gib", "capability"),
    [
        ("L40S", "L40S", 45.0, 8.9),
        ("NVIDIA GeForce RTX 4090", "RTX 4090", 24.0, 8.9),
        ("4090", "RTX 4090", 24.0, 8.9),
        ("RTX_4070Ti", "RTX 4070 Ti", 12.0, 8.9),
        ("tesla t4", "T4", 15.0, 7.5),
        ("A100 40GB", "A100 40GB", 40.0, 8.0),
        ("A100 80 GB PCIe", "A100 80GB", 80.0, 8.0),
        ("V100 16GB", "V100 16GB", 16.0, 7.0),
        ("Tesla V100-SXM2-32GB", "V100 32GB", 32.0, 7.0),
        ("H100 SXM", "H100", 79.6, 9.0),
        ("H100 NVL", "H100 NVL", 93.6, 9.0),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTX PRO 6000", 95.6, 12.0),
        ("A6000", "RTX A6000", 48.0, 8.6),
    ],
)
def test_a_card_is_known_by_its_name(name, card, gib, capability):
    machine = gpus_named(name, 2)
    assert machine.devices == [Device(card, int(gib * GIB), capability=capability)] * 2
    assert str(machine) == f"2 x {card}"


@pytest.mark.parametrize(
    "name",
    [
        "3060",
        "3070",
        "3080 Ti",
        "4060 Ti 16GB",
        "4070",
        "4080",
        "5070 Ti",
        "5080",
        "5090",
        "A10",
        "A30",
        "A4000",
        "A5000",
        "A6000",
        "RTX 6000 Ada",
        "RTX PRO 6000",
        "L4",
        "L40",
        "L40S",
        "V100 16GB",
        "P100",
        "T4",
        "H100 PCIe",
        "H100 SXM",
        "H100 NVL",
        "H200",
        "B200",
        "GH200",
    ],
)
def test_cards_of_rented_hosts_are_known(name):
    assert gpus_named(name, 1).devices[0].total_bytes > 0


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("4090 Laptop", "is unknown, near are RTX 4090 (24 GB), RTX 4090 D (24 GB); for another GPU"),
        ("H100 XL", "near are H100 (80 GB), H100 PCIe (80 GB), H100 NVL (94 GB); for"),
        ("L4 48GB", "is unknown, near are L4 (24 GB); for another GPU give --vram"),
        ("NVIDIA L40S-48Q", "near are L40S (48 GB); for"),
        ("RTX 6000", "RTX 6000 Ada (48 GB), RTX A6000 (48 GB), Quadro RTX 6000 (24 GB); for"),
        ("A100", "may be any of A100 40GB, A100 80GB: give one"),
        ("RTX 3080", "may be any of RTX 3080 12GB, RTX 3080 10GB: give one"),
        ("Voodoo 2", "is unknown, known are B200, GH200"),
        ("MI300X", "is unknown, known are B200, GH200"),
        ("", "is unknown, known are B200, GH200"),
    ],
)
def test_a_card_that_is_not_wholly_known_is_refused_and_the_near_ones_are_named(name, near):
    with pytest.raises(SettingsError) as error:
        gpus_named(name, 1)
    assert str(error.value).startswith(f"--card {name} ")
    assert near in str(error.value)
    assert "\n" not in str(error.value)


def test_no_gpus_are_refused():
    with pytest.raises(SettingsError, match="--gpus takes the number of GPUs, 1 or more; got 0"):
        gpus_named("L40S", 0)


def test_each_card_is_found_by_its_own_name_and_no_other():
    for card in cards():
        assert [other.name for other in cards() if other.fits(card.name)] == [card.name]
        assert gpus_named(card.name, 1).devices[0].total_bytes == int(card.gib * GIB)
