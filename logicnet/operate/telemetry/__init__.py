"""How a running miner is watched: it counts events, and a thread of its own serves the counts.

`Meter` is an event sink that counts, a few dictionary look-ups an event. `serving` serves `/metrics`
for Prometheus and `/state` for `logicnet top` and `logicnet console`. Neither touches the request path, and
no page is made more often than twice a second, however often it is requested.
"""
