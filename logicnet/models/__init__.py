"""What fits on which card, and how vLLM is started with it. See docs/models.md."""

from logicnet.models.catalogue import Catalogue, load
from logicnet.models.config_json import model_from
from logicnet.models.machine import Card, Machine, NoCards, cpu, seen, told
from logicnet.models.model import Model, Precision
from logicnet.models.plan import Misfit, Plan, plan

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
