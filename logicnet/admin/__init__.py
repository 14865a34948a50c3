"""How a running miner is watched: it counts what happens, and a thread of its own tells who asks.

`Meter` is the sink that counts, a few dictionary look-ups an event. `Admin` serves what it found:
`/metrics` for Prometheus, `/state` for `logicnet top` and `logicnet console`. Neither asks anything of
the request path, and no page is made more often than twice a second, however often it is asked for.
"""

from logicnet.admin.asking import ask, client
from logicnet.admin.build import meter_of, watched
from logicnet.admin.counted import Counted, counted
from logicnet.admin.meter import Meter
from logicnet.admin.server import Admin
from logicnet.admin.state import State, address_file

__all__ = [
    "Admin",
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
