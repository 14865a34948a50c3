"""From practised texts to rows to train on: right ones, distinct, short first, levelled by kind.

A lesson's prompt has no worked examples, whatever the text was asked with, so the tuned model is asked
without them too: what the examples said moves into its weights. Everything here is pure.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from logicnet.evals.challenges.sets import in_split
from logicnet.solver.race.profiles import Profile
from logicnet.tuning.data.overlap import GRAM, Overlap
from logicnet.tuning.data.split import key_of, words_of
from logicnet.tuning.improve.practice import prompt_of
from logicnet.tuning.improve.practised import PracticeSampler, Practised

LEAST_NEW = 50
"""Lessons that the last round did not have; with fewer there is little to learn."""

PLAIN_SHARE = 0.1
"""Rows of plain chat, of the lessons."""

MOST_OF_KIND = 2.0
"""Lessons of a kind against the median of all kinds with known truth."""

MOST_BELIEVED = 0.5
"""Lessons that are only believed, of those that are known: their questions come from strangers."""

_CHARACTERS_OF_TOKEN = 2.5  # at least, in arithmetic


@dataclass(frozen=True, slots=True)
class TrainingLesson:
    """One row to train on."""

    kind: str
    sampler: PracticeSampler
    question: str
    prompt: str
    text: str
    source: str
    believed: bool = False

    def row(self) -> dict[str, str]:
        """As `--dataset-type instruct` takes it."""
        return {"instruction": self.prompt, "output": self.text}


@dataclass(frozen=True, slots=True)
class Lessons:
    """`dropped`: how many right texts are no lesson, by reason."""

    rows: Sequence[TrainingLesson]
    dropped: Mapping[str, int]

    @property
    def by_kind(self) -> dict[str, int]:
        return dict(Counter(one.kind for one in self.rows if one.sampler != "chat"))


def lessons(
    found: Iterable[Practised],
    profile: Profile,
    *,
    held_out: Sequence[str] = (),
    per_question: int = 2,
    share_by_kind: bool = True,
    most: int | None = None,
) -> Lessons:
    """The lessons in practised texts, asked as `profile` asks, which has no examples.

    `held_out`: questions that the candidate will be measured on. `most`: lessons, without the plain rows.
    """
    dropped: Counter[str] = Counter()
    found = list(found)
    right = [one for one in found if one.sampler != "chat" and (one.right or one.believed)]
    usable = [one for one in right if _usable(one, profile, dropped)]
    unseen = _not_held_out(usable, held_out, dropped)
    taken = _levelled(_chosen(unseen, per_question, dropped), share_by_kind, most, dropped)
    rows = [
        TrainingLesson(
            one.kind,
            one.sampler,
            one.question,
            _prompted(one, profile),
            one.text,
            one.source,
            one.believed,
        )
        for one in taken
    ]
    plain = [one for one in found if one.sampler == "chat" and one.finish == "stop" and one.text]
    rows += [
        TrainingLesson("chat", "chat", "", one.prompt[-1].content, one.text, one.source)
        for one in plain[: round(PLAIN_SHARE * len(rows))]
    ]
    return Lessons(rows, dict(dropped))


def _prompted(one: Practised, profile: Profile) -> str:
    # what a check is asked about stands in its own prompt, which has no examples
    prompt = one.prompt if one.sampler == "check" else prompt_of(one.sampler, one.question, profile)
    return prompt[-1].content


def _usable(one: Practised, profile: Profile, dropped: Counter[str]) -> bool:
    """Whole, and short enough for the race to hear all of it."""
    limit = getattr(profile, one.sampler).max_tokens
    if not one.text or one.finish != "stop":
        dropped["cut off"] += 1
    elif (one.tokens or len(one.text) / _CHARACTERS_OF_TOKEN) > limit:
        dropped["too long"] += 1
    else:
        return True
    return False


def _not_held_out(
    found: Sequence[Practised], held_out: Sequence[str], dropped: Counter[str]
) -> list[Practised]:
    """Without questions of the test split, and those that repeat one of `held_out` in other words."""
    known = set(map(key_of, held_out))
    overlap = Overlap(sum(max(0, len(words_of(text)) - GRAM + 1) for text in held_out))
    for text in held_out:
        overlap.add(text)
    suspects = {text for text in {one.question for one in found} if overlap.count(text)}
    kept = []
    for one in found:
        if in_split(one.question, "test") or key_of(one.question) in known:
            dropped["in the test split"] += 1
        elif one.question in suspects and overlap.repeats(one.question):
            dropped["repeats a question of the test"] += 1
        else:
            kept.append(one)
    return kept


def _chosen(found: Sequence[Practised], per_question: int, dropped: Counter[str]) -> list[Practised]:
    """Of each question the shortest distinct texts, one of each sampler at least.

    Believed ones only where none is known.
    """
    by_question: dict[str, dict[PracticeSampler, list[Practised]]] = defaultdict(lambda: defaultdict(list))
    distinct: set[tuple[str, str, str]] = set()
    known = {one.question for one in found if not one.believed}
    for one in sorted(found, key=lambda one: (one.believed, len(one.text), one.text)):
        if one.believed and one.question in known:
            dropped["known, not only believed"] += 1
            continue
        same = (one.question, one.sampler, " ".join(one.text.split()))
        if same in distinct:
            dropped["said before"] += 1
            continue
        distinct.add(same)
        by_question[one.question][one.sampler].append(one)
    chosen = []
    for question in sorted(by_question):
        samplers = sorted(by_question[question].items())
        turns = [texts[place] for place in range(per_question) for _, texts in samplers if place < len(texts)]
        taken = turns[: max(per_question, len(samplers))]
        chosen += taken
        dropped["enough of this question"] += sum(len(texts) for _, texts in samplers) - len(taken)
    return chosen


def _levelled(
    found: Sequence[Practised], share_by_kind: bool, most: int | None, dropped: Counter[str]
) -> list[Practised]:
    """The kinds in turn, the shortest texts first."""
    by_kind: dict[str, list[Practised]] = defaultdict(list)
    for one in sorted(found, key=lambda one: (len(one.text), one.question_id, one.sampler)):
        by_kind[one.kind].append(one)
    limit = len(found)
    known = Counter(one.kind for one in found if not one.believed)
    if share_by_kind and known:
        limit = max(1, round(MOST_OF_KIND * median(known.values())))
    turns = [
        texts[place] for place in range(limit) for _, texts in sorted(by_kind.items()) if place < len(texts)
    ]
    taken = _few_believed(turns[:most])
    if len(taken) < len(found):
        dropped["enough of this kind"] += len(found) - len(taken)
    return taken


def _few_believed(found: Sequence[Practised]) -> list[Practised]:
    """Believed ones while they are few: strangers who ask much do not decide what is learned."""
    left = int(MOST_BELIEVED * sum(not one.believed for one in found))
    kept = []
    for one in found:
        left -= one.believed
        if not one.believed or left >= 0:
            kept.append(one)
    return kept
