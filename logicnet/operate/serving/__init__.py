"""What fits on which card, and how vLLM is started with it. See docs/models.md."""

from logicnet.operate.serving.catalogue import Catalogue, load
from logicnet.operate.serving.config_json import model_from
from logicnet.operate.serving.gpus import Card, Machine, NoCards, cpu, seen, told
from logicnet.operate.serving.model import Model, Precision
from logicnet.operate.serving.plan import Misfit, Plan, plan

__all__ = [
    "Card",
    "Catalogue",
    "Machine",
    "Misfit",
    "Model",
    "NoCards",
    "Plan",
    "Precision",
    "cpu",
    "load",
    "model_from",
    "plan",
    "seen",
    "told",
]
