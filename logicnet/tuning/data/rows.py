"""A row of any dataset type as a row of the contract (`train/jobfile.py`).

    instruct   columns instruction, output, and input where there is one. axolotl's type `instruct` reads
               instruction and output only (prompt_strategies/instruct.py); a row whose input were left out
               would teach answers to questions that nobody sees.
    alpaca     columns instruction, input, output
    pretrain   column text
    custom     columns and formats by name, as axolotl's user-defined type; its system_prompt counts where a
               row has no system text
    chat       one column with a list of messages; roles by name, ShareGPT's human and gpt always
    dpo, grpo  columns prompt, chosen, rejected; prompt and one extra column that reward functions get

An instruction and its input become one user message: `{instruction}\\n{input}`, or by the type's formats.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any

import orjson

from logicnet.tuning.data.checking import BadDataset, BadRow
from logicnet.tuning.spec import ChatType, CustomType, DatasetType, DpoType, GrpoType, ImageType

Row = Mapping[str, Any]
Message = dict[str, str]

_ALPACA = CustomType(
    field_instruction="instruction",
    field_input="input",
    field_output="output",
    format="{instruction}\n{input}",
)
_ROLES = {
    "human": "user",
    "gpt": "assistant",
    **{one: one for one in ("user", "assistant", "system", "tool")},
}


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """A row of the contract, and its prompt as text, without the system's: rows are split by it."""

    row: dict[str, Any]
    prompt: str
    tells: bool = False  # the prompt, system text included, contains the completion
    number: int | None = None  # of the row in its dataset, from 1


@dataclass(frozen=True, slots=True)
class Converter:
    """`columns` must be there in the first row; `convert` raises BadRow."""

    columns: Sequence[str]
    convert: Callable[[Row], TrainingExample]


def converter_of(kind: DatasetType) -> Converter:
    """How rows of a dataset type are read. Raises BadDataset for a format that cannot be filled."""
    if kind == "pretrain":
        return _pretrain("text")
    if isinstance(kind, str):
        converter = _custom(_ALPACA)
        return converter if kind == "alpaca" else Converter(("instruction", "output"), converter.convert)
    if isinstance(kind, CustomType):
        return _custom(kind) if kind.field is None else _pretrain(kind.field)
    if isinstance(kind, DpoType):
        return _dpo(kind)
    if isinstance(kind, GrpoType):
        return _grpo(kind)
    if isinstance(kind, ChatType):
        return _chat(kind)
    assert isinstance(kind, ImageType)
    raise BadDataset("pictures are no rows: read them from a folder or a zip")


def columns_of(kind: DatasetType) -> dict[str, str]:
    """The column of a dataset that each part of a row comes from which can be too long."""
    if isinstance(kind, DpoType):
        return {"chosen": kind.field_chosen, "rejected": kind.field_rejected}
    if isinstance(kind, GrpoType):
        return {"prompt": kind.field_prompt}
    if isinstance(kind, ChatType):
        return {"messages": kind.chat_column}
    output = kind.field_output if isinstance(kind, CustomType) else "output"
    return {"completion": output} if output else {}


def _pretrain(column: str) -> Converter:
    def convert(row: Row) -> TrainingExample:
        text = _text(row, column)
        return TrainingExample({"text": text}, text)

    return Converter((column,), convert)


def _custom(kind: CustomType) -> Converter:
    names = ("instruction", "input", "system", "output")
    instruction, given, system, output = (getattr(kind, f"field_{name}") for name in names)
    with_input = _format(kind.format, "format", ("instruction", "input", "system"))
    without = _format(kind.no_input_format, "no_input_format", ("instruction", "system"))
    of_system = _format(kind.system_format, "system_format", ("system",))

    def convert(row: Row) -> TrainingExample:
        completion = _text(row, output)
        said = _optional(row, system) or kind.system_prompt or ""
        values = {"instruction": _text(row, instruction), "input": _optional(row, given), "system": said}
        prompt = (with_input if values["input"] else without)(values)
        messages = _messages(of_system(values) if said else "", prompt)
        answer = [{"role": "assistant", "content": completion}]
        tells = len(completion) >= 20 and any(completion in one["content"] for one in messages)
        return TrainingExample({"prompt": messages, "completion": answer}, prompt, tells)

    return Converter([one for one in (instruction, given, system, output) if one], convert)


def _dpo(kind: DpoType) -> Converter:
    of_prompt = _format(kind.prompt_format, "prompt_format", ("prompt", "system"))
    of_chosen = _format(kind.chosen_format, "chosen_format", ("chosen",))
    of_rejected = _format(kind.rejected_format, "rejected_format", ("rejected",))
    system_within = "{system}" in kind.prompt_format

    def convert(row: Row) -> TrainingExample:
        system = _optional(row, kind.field_system)
        prompt = of_prompt({"prompt": _text(row, kind.field_prompt), "system": system})
        chosen = of_chosen({"chosen": _text(row, kind.field_chosen)})
        rejected = of_rejected({"rejected": _text(row, kind.field_rejected)})
        if chosen == rejected:
            raise BadRow(f"columns {kind.field_chosen!r} and {kind.field_rejected!r} are equal")
        answers = {
            name: [{"role": "assistant", "content": text}]
            for name, text in (("chosen", chosen), ("rejected", rejected))
        }
        return TrainingExample(
            {"prompt": _messages("" if system_within else system, prompt), **answers}, prompt
        )

    columns = (kind.field_prompt, kind.field_system, kind.field_chosen, kind.field_rejected)
    return Converter([one for one in columns if one], convert)


def _grpo(kind: GrpoType) -> Converter:
    def convert(row: Row) -> TrainingExample:
        prompt = _text(row, kind.field_prompt)
        extra = None if kind.extra_column is None else row.get(kind.extra_column)
        try:
            orjson.dumps(extra)
        except orjson.JSONEncodeError as error:
            raise BadRow(f"column {kind.extra_column!r} cannot be written as JSON ({error})") from None
        return TrainingExample({"prompt": _messages("", prompt), "extra": extra}, prompt)

    return Converter([one for one in (kind.field_prompt, kind.extra_column) if one], convert)


def _chat(kind: ChatType) -> Converter:
    column = kind.chat_column
    roles = _ROLES | {kind.chat_user_reference: "user", kind.chat_assistant_reference: "assistant"}

    def convert(row: Row) -> TrainingExample:
        found = row.get(column)
        if not isinstance(found, list) or not found:
            raise BadRow(f"column {column!r} takes a list of messages, has {_kind(found)}")
        messages: list[Message] = []
        for number, one in enumerate(found, 1):
            if not isinstance(one, dict):
                raise BadRow(f"column {column!r}, message {number}: takes an object, has {_kind(one)}")
            try:
                role = _text(one, kind.chat_role_field)
                content = _text(one, kind.chat_content_field)
            except BadRow as error:
                raise BadRow(f"column {column!r}, message {number}: {error}") from None
            if role not in roles:
                raise BadRow(
                    f"column {column!r}, message {number}: role {role[:40]!r} is unknown: use "
                    f"{', '.join(roles)}"
                )
            messages.append({"role": roles[role], "content": content})
        while messages and messages[-1]["role"] != "assistant":  # nothing answers them
            messages.pop()
        if not messages:
            raise BadRow(f"column {column!r} has no message of the assistant")
        asked = "\n".join(one["content"] for one in messages if one["role"] == "user")
        return TrainingExample({"messages": messages}, asked or messages[0]["content"])

    return Converter((column,), convert)


def _messages(system: str, prompt: str) -> list[Message]:
    told = [{"role": "system", "content": system}] if system.strip() else []
    return [*told, {"role": "user", "content": prompt}]


def _text(row: Row, column: str | None) -> str:
    text = _optional(row, column)
    if not text.strip():
        raise BadRow(f"column {column!r} is empty" if column in row else _without(row, column))
    return text


def _optional(row: Row, column: str | None) -> str:
    """The text in a column, or "" for an empty one. Raises BadRow for a value of another kind."""
    found = None if column is None else row.get(column)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise BadRow(f"column {column!r} takes text, has {_kind(found)}")
    try:
        found.encode()
    except UnicodeEncodeError:
        raise BadRow(f"column {column!r} has half a surrogate pair, which is no text") from None
    return found


def missing(columns: Sequence[str], row: Row) -> str:
    """Which of `columns` a row lacks, and which it has; empty if it lacks none."""
    lacking = [one for one in columns if one not in row]
    return (
        ""
        if not lacking
        else " and ".join(_without(row, one) for one in lacking[:1])
        + (f" (nor {', '.join(map(repr, lacking[1:]))})" if lacking[1:] else "")
    )


def _without(row: Row, column: str | None) -> str:
    return f"no column {column!r}, only {', '.join(map(repr, list(row)[:20])) or 'none'}"


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return f"the number {value}"
    names: dict[type, str] = {list: "a list", dict: "an object", str: "a text"}
    return names.get(type(value), "nothing")


def _format(pattern: str, name: str, known: Sequence[str]) -> Callable[[Mapping[str, str]], str]:
    """Fills `{name}`s and nothing else: str.format would follow attributes, and pad to any width."""
    try:
        parts = list(Formatter().parse(pattern))
    except ValueError as error:
        raise BadDataset(f"dataset_type.{name} {pattern!r:.80}: {error}; write {{{{ for a brace") from None
    for _, field, spec, conversion in parts:
        if field is not None and (field not in known or spec or conversion):
            takes = ", ".join(f"{{{one}}}" for one in known)
            raise BadDataset(f"dataset_type.{name} {pattern!r:.80} takes {takes}, has {{{field}}}")
    if not any(field in known for _, field, _, _ in parts):
        raise BadDataset(f"dataset_type.{name} {pattern!r:.80} names no column: write {{{known[0]}}}")

    def fill(values: Mapping[str, str]) -> str:
        return "".join(text + (values[field] if field else "") for text, field, _, _ in parts)

    return fill
