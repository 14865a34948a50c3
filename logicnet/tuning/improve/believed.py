"""What a miner's ledger tells the loop: what validators ask, and answers that are nearly certain.

A ledger has no truths. An answer is believed where the race computed it, or its votes leave less than a
hundredth of doubt; such a lesson is marked, and no proof rests on it.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from logicnet.answers import question_kind
from logicnet.ledger import LedgerReader, Row
from logicnet.solver.race.trust import Trust, Vote
from logicnet.solver.race.votes import posterior
from logicnet.solver.reading import conclusion
from logicnet.tuning.improve.practised import Practised
from logicnet.votelog import read_vote_log

CERTAIN = 0.99


def asked_kinds(path: Path) -> Counter[str]:
    """Challenges by `question_kind`; none without a ledger. Raises LedgerError."""
    if not path.exists():
        return Counter()
    with LedgerReader.open(path) as reader:
        logs = ((row, read_vote_log(row["trail"])) for row in reader.rows("challenges"))
        return Counter(log.kind if log and log.kind else question_kind(row["question"]) for row, log in logs)


def believed_in(path: Path, trust: Trust) -> list[Practised]:
    """Of a ledger, the texts that were sent; none without a ledger. Raises LedgerError."""
    if not path.exists():
        return []
    with LedgerReader.open(path) as reader:
        return list(believed(reader.rows("challenges"), trust))


def believed(rows: Iterable[Row], trust: Trust) -> Iterator[Practised]:
    """The sent text of each challenge whose answer is nearly certain, as a text of the sampler `reason`."""
    for row in rows:
        log = read_vote_log(row["trail"])
        answer, text = row["answer"] or "", row["reasoning"] or ""
        if log is None or not log.chosen or not answer or not text or not row["in_time"]:
            continue
        computed = any(vote.sampler == "exact" and vote.key == log.chosen for vote in log.votes)
        found = posterior([Vote(one.sampler, one.key, one.confidence) for one in log.votes], trust, log.kind)
        if not computed and not (found.best == log.chosen and found.chance >= CERTAIN):
            continue
        if conclusion(text, row["question"]) is None:
            text = f"{text.rstrip()}\nThe answer is {answer}."
        yield Practised(
            question_id=hashlib.sha256(row["question"].encode()).hexdigest()[:16],
            kind=log.kind,
            question=row["question"],
            sampler="reason",
            prompt=(),
            text=text,
            value=answer,
            right=False,
            source="ledger",
            believed=True,
        )
