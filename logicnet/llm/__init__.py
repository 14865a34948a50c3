"""How a model is reached. Solvers call `Models`; `Endpoint` talks to one server, `Pool` to several."""

from logicnet.llm._types import Completion, Finish, How, Limit, Message, Models, Spec
from logicnet.llm.endpoint import Endpoint, Probe, ServedModel
from logicnet.llm.pool import EndpointStatus, Pool, Retrying
from logicnet.llm.spending import Spending

__all__ = ["Completion", "Endpoint", "EndpointStatus", "Finish", "How", "Limit", "Message", "Models", "Pool"]
__all__ += ["Probe", "Retrying", "ServedModel", "Spec", "Spending"]
