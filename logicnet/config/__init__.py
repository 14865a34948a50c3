"""Reads the settings from flags, environment and `.env`, and records the source of each value.

A flag overrides the environment, the environment `.env`, `.env` the default. Each error is one line: the name
as written, what it takes, what it got, the nearest name. Secrets are masked everywhere, also in errors.

The tree of `logicnet.settings` is flattened once into a table. Flags, variables, errors, `--help` and
`logicnet config` are made from it. pydantic validates; the readers of pydantic-settings know no sources.
"""

from logicnet.config._check import check
from logicnet.config._endpoints import endpoints
from logicnet.config._read import Config, Given, lines_of, read
from logicnet.config._table import Setting, table

__all__ = ["Config", "Given", "Setting", "check", "endpoints", "lines_of", "read", "table"]
