"""How a model is reached. Solvers see `Models`; `Endpoint` is the one that talks to a server."""

from logicnet.llm._types import Completion, Finish, Message, Models

__all__ = ["Completion", "Finish", "Message", "Models"]
