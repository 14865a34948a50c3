"""The axon: the ASGI application, its two wires, admission, and the server.

What is named here is imported with its first use: `tune serve` reads headers as the axon does, and would pay
for bittensor and the solvers else, which it needs only where validators sign.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logicnet.axon.admission import Admission
    from logicnet.axon.app import Axon
    from logicnet.axon.concurrency import ConcurrencyLimiter
    from logicnet.axon.server import AxonServer

__all__ = ["Admission", "Axon", "AxonServer", "ConcurrencyLimiter"]

_HOMES = {
    "Admission": "admission",
    "Axon": "app",
    "AxonServer": "server",
    "ConcurrencyLimiter": "concurrency",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
