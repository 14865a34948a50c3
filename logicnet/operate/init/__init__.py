"""Init: `.env` and `ecosystem.config.js` for this machine, from five answers."""

from logicnet.operate.init.answers import Answers, answered
from logicnet.operate.init.writing import WrittenFiles, write

__all__ = ["Answers", "WrittenFiles", "answered", "write"]
