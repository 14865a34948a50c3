"""What fits on which card, and how vLLM is started with it. See docs/models.md."""

from logicnet.operate.serving.catalogue import ModelCatalogue, load
from logicnet.operate.serving.config_json import model_from
from logicnet.operate.serving.gpus import Card, Machine, NoCards, cpu, seen, told
from logicnet.operate.serving.model import Model, Precision
from logicnet.operate.serving.plan import Misfit, ServingPlan, plan

__all__ = [
    "Card",
    "Machine",
    "Misfit",
    "Model",
    "ModelCatalogue",
    "NoCards",
    "Precision",
    "ServingPlan",
    "cpu",
    "load",
    "model_from",
    "plan",
    "seen",
    "told",
]
