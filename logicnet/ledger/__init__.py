"""The record of what happened, in one SQLite file per miner: `Ledger` writes it, `LedgerReader` reads it.

Quotas and what was used of them survive a restart and a kill -9, except for the batch being written (a
tenth of a second and its commit).
"""

from logicnet.ledger._ledger import Ledger
from logicnet.ledger._reader import LedgerReader, MissingLedger, Row, Search, Table, Which
from logicnet.ledger._schema import ledger_path

__all__ = ["Ledger", "LedgerReader", "MissingLedger", "Row", "Search", "Table", "Which", "ledger_path"]
