"""Chat templates: where a model keeps them, and whether one holds more than a format.

A template is a program of Jinja that every validator runs. One that can reach Python, that loads others, or
that computes, does more than put messages into a format.
"""

import json
import re
from collections.abc import Iterator, Mapping

MOST_CHARACTERS = 100_000
"""Templates of public models have up to some 10,000."""

FILES = ("tokenizer_config.json", "chat_template.json", "chat_template.jinja")

_FUNCTIONS = frozenset({"raise_exception", "strftime_now", "namespace", "range", "dict", "tojson", "cycler"})
"""What transformers gives a template, and what Jinja has."""

_METHODS = frozenset(
    {
        *("strip", "lstrip", "rstrip", "split", "rsplit", "startswith", "endswith", "replace", "title"),
        *("upper", "lower", "capitalize", "items", "keys", "values", "get", "append", "join", "find"),
        *("splitlines", "isdigit", "count", "index", "update", "pop", "format", "removeprefix"),
        *("removesuffix", "partition", "rpartition", "cycle"),
    }
)

_HIDDEN = re.compile(r"(^|\.)_")  # of a name that a filter follows
_ARITHMETIC = ("Mul", "Div", "FloorDiv", "Mod", "Pow")
_FEW = 4
"""Calculations that a format may need: every second message, half an indentation."""


def templates_of(files: Mapping[str, str]) -> dict[str, str]:
    """The chat templates in the texts of a model's small files, by where each was found."""
    found: dict[str, str] = {}
    for path, text in files.items():
        if path.endswith(".jinja"):
            found[path] = text
        elif path in FILES:
            found |= {f"{path}{name}": one for name, one in _in_json(text)}
    return found


def _in_json(text: str) -> Iterator[tuple[str, str]]:
    try:
        held = json.loads(text)
    except (ValueError, RecursionError):
        return
    template = held.get("chat_template") if isinstance(held, dict) else None
    if isinstance(template, str):
        yield "", template
    for one in template if isinstance(template, list) else ():
        if isinstance(one, dict) and isinstance(one.get("template"), str):
            yield f" ({one.get('name')})", one["template"]


def plain_template(text: str) -> str:
    """For comparing two: without white space around, and without `eos_token`, as the documents' miner."""
    return text.replace("{{ eos_token }}", "").strip()


def code_in(text: str) -> list[str]:
    """What makes a template a program: one phrase each; empty for a plain one."""
    from jinja2 import Environment, TemplateError, nodes  # noqa: PLC0415 (of the extra `tuning`)
    from jinja2.ext import Extension  # noqa: PLC0415

    if len(text) > MOST_CHARACTERS:
        return [f"it has {len(text):,} characters, more than {MOST_CHARACTERS:,}"]

    class Generation(Extension):
        """`{% generation %}` of transformers: it marks what an assistant said."""

        tags = {"generation"}  # noqa: RUF012 (as Jinja wants it)

        def parse(self, parser):  # type: ignore[no-untyped-def]
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body, lineno=line)

    extensions: list[str | type[Extension]] = ["jinja2.ext.loopcontrols", Generation]
    try:
        tree = Environment(extensions=extensions, autoescape=True).parse(text)
    except (TemplateError, RecursionError) as error:
        return [f"it cannot be read ({type(error).__name__})"]

    found = []
    macros = {one.name for one in tree.find_all(nodes.Macro)}
    for load in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        found.append(f"line {load.lineno} loads another template")
    for reach in tree.find_all((nodes.Getattr, nodes.Getitem)):
        name = getattr(reach, "attr", None) or getattr(getattr(reach, "arg", None), "value", None)
        if isinstance(name, str) and name.startswith("_"):
            found.append(f"line {reach.lineno} reaches {name[:40]}")
    for one in tree.find_all(nodes.Filter):
        words = [getattr(arg, "value", None) for arg in (*one.args, *(pair.value for pair in one.kwargs))]
        hidden = any(isinstance(word, str) and _HIDDEN.search(word) for word in words)
        if hidden or (one.name == "attr" and not all(isinstance(word, str) for word in words)):
            found.append(f"line {one.lineno} reaches an attribute by the filter {one.name}")
    for call in tree.find_all(nodes.Call):
        called = call.node
        if isinstance(called, nodes.Name) and called.name in (_FUNCTIONS | macros):
            continue
        if isinstance(called, nodes.Getattr) and called.attr in _METHODS:
            if called.attr == "format" and "_" in str(getattr(called.node, "value", "_")):  # "{0.__class__}"
                found.append(f"line {call.lineno} may reach an attribute by a format")
            continue
        name = getattr(called, "name", None) or getattr(called, "attr", None) or "a value"
        found.append(f"line {call.lineno} calls {str(name)[:40]}")
    sums = sum(1 for kind in _ARITHMETIC for _ in tree.find_all(getattr(nodes, kind)))
    if sums > _FEW:
        found.append(f"it multiplies or divides {sums} times")
    return found
