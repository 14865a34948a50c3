"""Views of a miner in processes of their own: `top` in a terminal, `page` in a browser.

`MinerSource` reads the ledger and the miner's telemetry server, and makes frozen `Snapshot`s. Neither slows
the miner: the ledger is read beside its writer, and the telemetry server is a thread of its own.
"""
