"""Settings as an operator writes them, and where each value came from.

A flag beats the environment, the environment beats `.env`, `.env` beats the default. What is wrong
is said in one line each: the name as it was written, what it takes, what it got, the nearest name.
Secrets are masked wherever a value is shown, in errors too.

The tree of `logicnet.settings` is walked once, into one table of leaves. Flags, variables, errors,
`--help` and `logicnet config` are all made from that table. pydantic-settings checks and freezes
the tree; its own readers know neither where a value came from nor the nearest name.
"""

from logicnet.config._check import check
from logicnet.config._endpoints import endpoints
from logicnet.config._read import Config, Given, read
from logicnet.config._table import Setting, table

__all__ = ["Config", "Given", "Setting", "check", "endpoints", "read", "table"]
