"""Rows of text as token ids, each with a mask of the tokens that are trained.

A prompt too long loses tokens on its left; a completion is whole or its row is dropped. What is trained ends
with a token that ends generation, so that the tuned model stops.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase
from trl.chat_template_utils import get_training_chat_template, has_generation_markers

from logicnet.tuning.train.chat_templates import set_template
from logicnet.tuning.train.jobfile import JobFile
from logicnet.tuning.train.running import Ended

IGNORED = -100
"""The label of a token that is not trained (PyTorch's)."""

TOO_LONG_NAMED = 5
"""Rows that are too long, in a message."""

Messages = list[dict[str, str]]


@dataclass
class TokenRows:
    """What is trained and what is held out, as the trainers of TRL take it, each with its line as `row`."""

    train: list[dict[str, Any]]
    validation: list[dict[str, Any]]
    cut: int = 0  # prompts that lost tokens on the left
    too_long: int = 0  # dropped
    longest: list[str] = field(default_factory=list)  # the first of those, by place and column
    warnings: list[str] = field(default_factory=list)

    def told(self, most: int) -> str:
        """How many rows were longer than `most` tokens, and which were the first."""
        more = self.too_long - len(self.longest)
        rest = f"; and {more} more" if more else ""
        rows = "row is" if self.too_long == 1 else "rows are"
        return f"{self.too_long} {rows} longer than max_length {most}: {'; '.join(self.longest)}{rest}"


def read(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Numbered rows of a JSONL file, counted from 1. Raises Ended."""
    with path.open() as file:
        for number, line in enumerate(file, 1):
            try:
                yield number, json.loads(line)
            except ValueError as error:
                raise Ended("failed", f"{path.name}, line {number} is not JSON: {error}") from error


def prepare(job: JobFile, folder: Path, tokenizer: PreTrainedTokenizerBase, ends: set[int]) -> TokenRows:
    """Tokenise both files of a job. `ends`: tokens that end generation. Raises Ended."""
    rows = TokenRows([], [])
    if job.task != "pretrain":
        try:
            warning = set_template(tokenizer, job.chat_template)
        except ValueError as error:
            raise Ended("failed", str(error)) from None
        rows.warnings += [] if warning is None else [warning]
    most = job.optimisation.max_length
    writer = _TokenWriter(tokenizer, ends, most, rows, job.columns)
    one = getattr(writer, job.task)
    for name, made in ((job.train, rows.train), (job.validation, rows.validation)):
        path = folder / name
        for number, row in read(path):
            try:
                writer.place = f"row {row['row']}" if "row" in row else f"{path.name}, line {number}"
                made += [{**piece, "row": number} for piece in one(row)]
            except (KeyError, TypeError) as error:
                raise Ended(
                    "failed", f"{path.name}, line {number} is no row of task {job.task}: {error!r}"
                ) from error
        if not made:
            long = f" ({rows.told(most)}): set a larger max_length"
            raise Ended("failed", f"{path.name} has no row to use{long if rows.too_long else ''}")
    return rows


class _TokenWriter:
    """Turns rows of each task into tokens. A method returns the pieces of one row: none if it is dropped."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        ends: set[int],
        most: int,
        rows: TokenRows,
        columns: Mapping[str, str],
    ) -> None:
        self.place = ""  # of the row in its dataset
        self._columns = columns
        self._tokenizer = tokenizer
        self._ends = ends
        self._most = most
        self._rows = rows
        self._marked: str | None = None
        self._marks_known = False

    def sft(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        prompt, completion = self._split(row["prompt"], row["completion"])
        if not self._fits("completion", completion):
            return []
        prompt = self._cut(prompt, len(completion))
        return [_piece(prompt + completion, [IGNORED] * len(prompt) + completion)]

    def dpo(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        prompt, chosen = self._split(row["prompt"], row["chosen"])
        _, rejected = self._split(row["prompt"], row["rejected"])
        name, longest = max((("chosen", chosen), ("rejected", rejected)), key=lambda one: len(one[1]))
        if not self._fits(name, longest):
            return []
        prompt = self._cut(prompt, len(longest))
        return [{"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected}]

    def grpo(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        """TRL renders the messages itself, so a prompt cannot be cut: it is dropped."""
        prompt = self._tokens(self._render(row["prompt"], generate=True))
        if not self._fits("prompt", prompt, self._most - completion_tokens(self._most)):
            return []
        return [{"prompt": row["prompt"], "extra": json.dumps(row.get("extra")), "prompt_ids": prompt}]

    def pretrain(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        tokens = self._tokenizer(row["text"])["input_ids"]
        if tokens[-1:] != [self._tokenizer.eos_token_id]:
            tokens = [*tokens, self._tokenizer.eos_token_id]
        pieces = [tokens[start : start + self._most] for start in range(0, len(tokens), self._most)]
        return [_piece(piece, piece) for piece in pieces if len(piece) > 1]  # one token predicts nothing

    def chat(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        tokens, trained = self._turns(row["messages"])
        runs = _runs(trained)
        if not runs:
            raise TypeError("no turn of the assistant")
        start = max(0, runs[-1][1] - self._most)
        if start > runs[-1][0]:
            self._too_long("messages", runs[-1][1] - runs[-1][0])
            return []
        if start:
            self._rows.cut += 1
        labels = [IGNORED] * len(tokens)
        for first, end in runs:
            if first >= start:  # a turn that was cut is not trained: completions are whole
                labels[first:end] = tokens[first:end]
        end = runs[-1][1]
        return [_piece(tokens[start:end], labels[start:end])]

    def _turns(self, messages: Messages) -> tuple[list[int], list[bool]]:
        """Tokens of a conversation, and which of them the assistant wrote, its end tokens with them."""
        if not self._marks_known:
            self._marks_known = True
            if has_generation_markers(self._tokenizer.chat_template):
                self._marked = self._tokenizer.chat_template
            else:
                try:
                    self._marked = get_training_chat_template(self._tokenizer)
                except ValueError:  # TRL does not know this template; below is what any template allows
                    self._marked = None
        if self._marked is not None:
            found = self._tokenizer.apply_chat_template(
                messages, chat_template=self._marked, return_dict=True, return_assistant_tokens_mask=True
            )
            tokens, mask = list(found["input_ids"]), [bool(bit) for bit in found["assistant_masks"]]
        else:
            tokens, mask = self._turns_by_prefix(messages)
        return tokens, self._to_the_end(tokens, mask)

    def _turns_by_prefix(self, messages: Messages) -> tuple[list[int], list[bool]]:
        tokens: list[int] = []
        mask: list[bool] = []
        done = ""
        for index, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            before = self._render(messages[:index], generate=True)
            after = self._render(messages[: index + 1])
            if not (before.startswith(done) and after.startswith(before)):
                raise TypeError("the chat template rewrites earlier turns: give one with generation markers")
            for text, assistant in ((before[len(done) :], False), (after[len(before) :], True)):
                piece = self._tokens(text)
                tokens += piece
                mask += [assistant] * len(piece)
            done = after
        return tokens, mask

    def _to_the_end(self, tokens: list[int], mask: list[bool]) -> list[bool]:
        """Let each turn end with the last end token of its run; join one that follows the run."""
        made = [False] * len(tokens)
        for first, end in _runs(mask):
            after = end + 1 if end < len(tokens) and tokens[end] in self._ends else end
            last = max((at for at in range(first, after) if tokens[at] in self._ends), default=after - 1)
            made[first : last + 1] = [True] * (last + 1 - first)
        return made

    def _split(self, prompt: Messages, completion: Messages) -> tuple[list[int], list[int]]:
        """Tokens of a prompt as a server makes them, and of what the model is to write with its end token."""
        before = self._render(prompt, generate=True)
        whole = self._render(prompt + completion)
        if not whole.startswith(before):  # such a template hides, say, thoughts: take what both begin with
            before = before[: len(_common(before, whole))]
        prompt_ids, whole_ids = self._tokens(before), self._tokens(whole)
        if whole_ids[: len(prompt_ids)] == prompt_ids:
            ids = whole_ids[len(prompt_ids) :]
        else:  # a token spans the border; a server tokenises the prompt alone
            ids = self._tokens(whole[len(before) :])
        last = max((at for at, token in enumerate(ids) if token in self._ends), default=None)
        return prompt_ids, ids[: last + 1] if last is not None else [*ids, self._tokenizer.eos_token_id]

    def _render(self, messages: Messages, *, generate: bool = False) -> str:
        made = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=generate)
        return str(made)

    def _tokens(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _fits(self, part: str, tokens: Sequence[int], most: int | None = None) -> bool:
        fits = len(tokens) < (self._most if most is None else most)  # one token of the prompt, too
        if not fits:
            self._too_long(part, len(tokens))
        return fits

    def _too_long(self, part: str, tokens: int) -> None:
        self._rows.too_long += 1
        if len(self._rows.longest) < TOO_LONG_NAMED:
            column = self._columns.get(part, part)
            self._rows.longest.append(f"{self.place}, column {column!r} ({tokens} tokens)")

    def _cut(self, prompt: list[int], beside: int) -> list[int]:
        room = self._most - beside
        self._rows.cut += len(prompt) > room
        return prompt[-room:]


def completion_tokens(max_length: int) -> int:
    """The most tokens that GRPO lets the model write."""
    return min(256, max_length // 2)


def _piece(tokens: list[int], labels: list[int]) -> dict[str, Any]:
    return {"input_ids": tokens, "labels": labels}


def _runs(mask: Sequence[bool]) -> list[tuple[int, int]]:
    """(start, end) of each unbroken run of True."""
    edges = [at for at in range(len(mask) + 1) if (at > 0 and mask[at - 1]) != (at < len(mask) and mask[at])]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _common(one: str, other: str) -> str:
    length = next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
    return one[:length] if length is not None else min(one, other, key=len)
