"""Watching a miner from a process of its own: a page and a terminal view of the same.

`Source` reads the ledger and the miner's admin port, and gives frozen `Snapshot`s. `top` shows them in a
terminal, `page` in a browser. Neither can slow the miner: one reads a file beside the writer, the other asks
a thread that is not the request path.
"""
