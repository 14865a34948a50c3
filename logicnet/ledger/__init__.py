"""What happened, on disk: `Ledger` writes it while mining, `LedgerReader` reads it for people.

One SQLite file per miner. What validators were promised and given survives a restart and a
kill -9, but for the batch in flight (a tenth of a second, and its commit).
"""

from logicnet.ledger._ledger import Ledger
from logicnet.ledger._reader import LedgerReader, Row, Table, Which
from logicnet.ledger._where import ledger_path

__all__ = ["Ledger", "LedgerReader", "Row", "Table", "Which", "ledger_path"]
