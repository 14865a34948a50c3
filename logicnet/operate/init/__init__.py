"""`.env` and `ecosystem.config.js` for this machine, from five answers."""

from logicnet.operate.init.questions import InitAnswers, collect_answers
from logicnet.operate.init.writing import WrittenFiles, write

__all__ = ["InitAnswers", "WrittenFiles", "collect_answers", "write"]
