"""How a running miner is watched: it counts what happens, and a thread of its own tells who asks.

`Meter` is the sink that counts, a few dictionary look-ups an event. `Admin` serves what it found:
`/metrics` for Prometheus, `/state` for `logicnet top` and `logicnet console`. Neither asks anything of
the request path, and no page is made more often than twice a second, however often it is asked for.
"""

from logicnet.operate.telemetry.asking import ask, client
from logicnet.operate.telemetry.build import meter_of, watched
from logicnet.operate.telemetry.counted import Counted, counted
from logicnet.operate.telemetry.meter import Meter
from logicnet.operate.telemetry.server import AdminServer
from logicnet.operate.telemetry.state import State, address_file

__all__ = [
    "AdminServer",
    "Counted",
    "Meter",
    "State",
    "address_file",
    "ask",
    "client",
    "counted",
    "meter_of",
    "watched",
]
