"""How a model is reached. Solvers see `Models`; `Endpoint` is the one that talks to a server."""

from logicnet.llm._types import Completion, Finish, How, Message, Models
from logicnet.llm.endpoint import Endpoint, Probe, Served
from logicnet.llm.insisting import Insisting

__all__ = ["Completion", "Endpoint", "Finish", "How", "Insisting", "Message", "Models", "Probe", "Served"]
