"""How a running miner is watched: it counts events, and a thread of its own serves the counts.

`Meter` is an event sink that counts, a few dictionary look-ups an event. `TelemetryServer` serves `/metrics`
for Prometheus and `/state` for `logicnet top` and `logicnet console`. Neither touches the request path, and
no page is made more often than twice a second, however often it is requested.
"""

from logicnet.operate.telemetry.build import restored_meter, telemetry_server
from logicnet.operate.telemetry.meter import Meter
from logicnet.operate.telemetry.monitored import MonitoredEndpoint, monitored
from logicnet.operate.telemetry.server import TelemetryServer
from logicnet.operate.telemetry.state import State, address_file, http_client, read_state

__all__ = [
    "Meter",
    "MonitoredEndpoint",
    "State",
    "TelemetryServer",
    "address_file",
    "http_client",
    "monitored",
    "read_state",
    "restored_meter",
    "telemetry_server",
]
