"""Challenge sets: JSONL with the recipe and its generators in the first line, then one problem a line.

The same recipe and versions give the same bytes on every machine, unless the set was rephrased.
"""

import hashlib
import json
import math
import sys
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from logicnet._util.files import write_whole
from logicnet._util.flags import require_file
from logicnet._util.jsonl import BadFile, BadLine, Lines, parsed, read_lines
from logicnet.errors import LogicnetError, SettingsError
from logicnet.evals.challenges.checks import CHECKS, GYM
from logicnet.evals.challenges.file import QuestionFile, read_questions
from logicnet.evals.challenges.problem import AnswerCheck, Problem, seed_of
from logicnet.evals.challenges.recipe import FromFile, Generated, Recipe, Split, read_recipe, recipe_from
from logicnet.evals.challenges.source import GENERATORS, Generator, Stream, streams

_TRIES = 200  # draws in a row that give nothing new, after which a kind counts as exhausted
_TEST_SHARE = 5  # one question of five is in the split `test`


@dataclass(frozen=True, slots=True)
class ChallengeSet:
    """Problems and where they come from. `recipe` is None for a plain file of questions."""

    problems: Sequence[Problem]
    recipe: Recipe | None = None
    made_with: Sequence[str] = ()  # generators with their versions
    files: Mapping[str, str] = field(default_factory=dict)  # sha256 by path as in the recipe
    rephrased_by: str = ""  # a model's name
    skipped: int = 0  # broken lines of files that were passed over

    def report_skipped(self) -> None:
        """Say on stderr how many broken lines there were, if any."""
        if self.skipped:
            lines = "line" if self.skipped == 1 else "lines"
            print(f"passed over {self.skipped} broken {lines}", file=sys.stderr)


class _SetRow(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    id: str
    source: str
    kind: str
    topic: str
    difficulty: int | None
    question: str
    rephrased: str | None = None
    truth: str
    check: dict[str, Any] | None


class _Header(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    challenges: Literal[1]
    recipe: dict[str, Any] | None
    made_with: list[str]
    files: dict[str, str]
    rephrased_by: str = ""


def load(path: Path, *, skip_bad: bool = False) -> ChallengeSet:
    """What a user names: a recipe (made now), a set, or a file of questions.

    Raises SettingsError for a bad recipe, BadFile for a bad file, LogicnetError if there are too few.
    """
    if path.suffix.lower() == ".toml":
        return make(read_recipe(path), path.parent, skip_bad=skip_bad)
    lines = read_lines(path)
    if lines.good and "challenges" in lines.good[0][1]:
        return _set_from(lines)
    questions = read_questions(path, skip_bad=skip_bad)
    return ChallengeSet(questions.problems, skipped=questions.skipped)


def make(recipe: Recipe, folder: Path = Path(), *, skip_bad: bool = False) -> ChallengeSet:
    """The questions of a recipe, mixed; its files are looked for in `folder`.

    Raises SettingsError without a generator, BadFile for a bad file, LogicnetError for too few questions.
    """
    generators: dict[str, Generator] = {}
    files: dict[str, str] = {}
    skipped = 0
    problems: list[Problem] = []
    seen: set[str] = set()
    counts = shares(recipe.count, [part.weight for part in recipe.sources])
    for number, (part, share) in enumerate(zip(recipe.sources, counts, strict=True), start=1):
        seed = seed_of(recipe.seed, number)
        if isinstance(part, FromFile):
            require_file(f"recipe {recipe.name!r}, path", folder / part.path)
            questions = _questions(part, folder, skip_bad)
            files[part.path] = questions.sha256
            skipped += questions.skipped
            sources = [questions.stream(seed)]
        else:
            sources = _generated_streams(part, seed, generators)
        taken = list(islice(_taken(sources, recipe.split, seen), share))
        if len(taken) < share:
            split = "" if recipe.split == "all" else f" in the split {recipe.split!r}"
            raise LogicnetError(
                f"recipe {recipe.name!r}: source {number} ({part.use}) has only {len(taken)} different "
                f"questions{split}, and its share is {share}; lower count or weight, or name more kinds"
            )
        problems += taken
    Random(seed_of(recipe.seed, "order")).shuffle(problems)  # noqa: S311 (no secret)
    made_with = sorted(generator.version for generator in generators.values())
    return ChallengeSet(problems, recipe, made_with, files, skipped=skipped)


def kinds_of(recipe: Recipe) -> dict[str, float]:
    """Every kind of a recipe with its share of the questions; a file is a kind, by its path."""
    found: dict[str, float] = defaultdict(float)
    whole = math.fsum(part.weight for part in recipe.sources)
    for part in recipe.sources:
        of_part = (part.path,) if isinstance(part, FromFile) else GENERATORS[part.use].kinds(part.kinds)
        for kind in of_part:
            found[kind] += part.weight / whole / len(of_part)
    return dict(found)


def draw_by_kind(
    recipe: Recipe, counts: Mapping[str, int], folder: Path = Path()
) -> dict[str, list[Problem]]:
    """So many questions of each kind, or all where there are fewer. Raises as `make` does."""
    generators: dict[str, Generator] = {}
    sources: dict[str, list[Stream]] = defaultdict(list)
    for number, part in enumerate(recipe.sources, start=1):
        seed = seed_of(recipe.seed, number)
        if isinstance(part, FromFile):
            require_file(f"recipe {recipe.name!r}, path", folder / part.path)
            sources[part.path].append(_questions(part, folder, skip_bad=False).stream(seed))
            continue
        for kind in GENERATORS[part.use].kinds(part.kinds):
            if counts.get(kind):
                one = part.model_copy(update={"kinds": [kind]})
                sources[kind] += _generated_streams(one, seed, generators)
    seen: set[str] = set()
    return {
        kind: list(islice(_taken(sources[kind], recipe.split, seen), count)) for kind, count in counts.items()
    }


def write(challenges: ChallengeSet, path: Path) -> None:
    """Write a set; a crash leaves what was there before. Raises LogicnetError if it cannot be written."""
    header = _Header(
        challenges=1,
        recipe=challenges.recipe.model_dump() if challenges.recipe else None,
        made_with=list(challenges.made_with),
        files=dict(challenges.files),
        rephrased_by=challenges.rephrased_by,
    )
    rows = [header.model_dump(exclude_defaults=True), *map(_row, challenges.problems)]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    except OSError as error:
        raise LogicnetError(f"cannot write {path}: {error.strerror or error}") from None


def in_split(question: str, split: Split) -> bool:
    """Whether a question belongs to a split: by its own words, whatever recipe asks."""
    words = " ".join(question.split()).casefold()
    is_test = int.from_bytes(hashlib.sha256(words.encode()).digest()[:4], "big") % _TEST_SHARE == 0
    return split == "all" or (split == "test") == is_test


def shares(count: int, weights: Sequence[float]) -> list[int]:
    """Whole numbers that add up to `count`, as near to the weights as can be."""
    exact = [Fraction(weight) * count / sum(map(Fraction, weights)) for weight in weights]
    whole = [int(share) for share in exact]
    nearest = sorted(range(len(exact)), key=lambda place: (whole[place] - exact[place], place))
    for place in nearest[: count - sum(whole)]:
        whole[place] += 1
    return whole


def _taken(sources: Sequence[Stream], split: Split, seen: set[str]) -> Iterator[Problem]:
    """New questions, from each stream in turn, until all are exhausted."""
    waiting = deque(sources)
    while waiting:
        stream = waiting.popleft()
        for problem in islice(stream, _TRIES):
            if problem is None or problem.question in seen or not in_split(problem.question, split):
                continue
            seen.add(problem.question)
            yield problem
            waiting.append(stream)
            break


def _generated_streams(part: Generated, seed: int, generators: dict[str, Generator]) -> list[Stream]:
    catalogue = GENERATORS[part.use]
    if part.use not in generators:
        generators[part.use] = catalogue.make()
    return streams(generators[part.use], catalogue.kinds(part.kinds), seed, part.difficulty)


def _questions(part: FromFile, folder: Path, skip_bad: bool) -> QuestionFile:
    questions = read_questions(folder / part.path, skip_bad=skip_bad or part.skip_bad)
    if part.sha256 is not None and questions.sha256 != part.sha256:
        raise SettingsError(
            f"{folder / part.path}: not the file of the recipe: its sha256 is {questions.sha256}"
        )
    return questions


def _row(problem: Problem) -> dict[str, Any]:
    row = {name: getattr(problem, name) for name in _SetRow.model_fields}
    if problem.check is not None:
        row["check"] = {problem.check.by: dict(problem.check.arguments)}
    if problem.rephrased is None:
        del row["rephrased"]
    return row


def _set_from(lines: Lines) -> ChallengeSet:
    first, fields = lines.good.pop(0)
    try:
        header = parsed(_Header, fields)
    except BadLine as error:
        raise BadFile(f"{lines.path}: line {first} is no head of a challenge set: {error}") from None
    recipe = recipe_from(header.recipe, lines.path) if header.recipe is not None else None
    problems = list(lines.each(_problem))
    lines.refuse_broken("make the set again")
    if not problems:
        raise BadFile(f"{lines.path}: a challenge set without a problem; make it again")
    return ChallengeSet(problems, recipe, header.made_with, header.files, header.rephrased_by)


def _problem(fields: dict[str, Any]) -> Problem:
    row = parsed(_SetRow, fields)
    check = None
    if row.check is not None:
        if len(row.check) != 1 or not isinstance(arguments := next(iter(row.check.values())), dict):
            raise BadLine("check: one name with its arguments")
        check = AnswerCheck(next(iter(row.check)), arguments)
        if check.by not in (*CHECKS, GYM):
            raise BadLine("check: of a name that is not known")
    problem = Problem(**row.model_dump(exclude={"id", "check"}), check=check)
    if problem.id != row.id:
        raise BadLine("id: of another question; the line was changed")
    return problem
