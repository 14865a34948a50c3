"""Which model fits on which GPUs, and the flags to start vLLM with. See docs/models.md."""

from logicnet.operate.serving.catalogue import Model, ModelCatalogue, Precision, find_model, load
from logicnet.operate.serving.gpus import Device, Machine, NoGpu, cpu, detect, gpus_of_size
from logicnet.operate.serving.plan import Misfit, ServingPlan, plan

__all__ = [
    "Device",
    "Machine",
    "Misfit",
    "Model",
    "ModelCatalogue",
    "NoGpu",
    "Precision",
    "ServingPlan",
    "cpu",
    "detect",
    "find_model",
    "gpus_of_size",
    "load",
    "plan",
]
