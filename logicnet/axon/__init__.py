"""The axon: the ASGI application, its two wires, admission, and the server."""

from logicnet.axon.admission import Admission
from logicnet.axon.app import Axon
from logicnet.axon.concurrency import ConcurrencyLimiter
from logicnet.axon.server import AxonServer

__all__ = ["Admission", "Axon", "AxonServer", "ConcurrencyLimiter"]
