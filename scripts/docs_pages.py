"""The pages of the docs site that are not files in docs/; `mkdocs.yml` names this module as a hook.

README is the first page; CONTRIBUTING, SECURITY, CHANGELOG and benchmarks/README are pages too. The reference
is made from the code: commands from the command line itself, settings from their table, the Python API from
the names that each module exports.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

FROM_FILES = {
    "index.md": "README.md",
    "project/contributing.md": "CONTRIBUTING.md",
    "project/security.md": "SECURITY.md",
    "project/changelog.md": "CHANGELOG.md",
    "project/benchmarks.md": "benchmarks/README.md",
}
"""Page of the site: file of the project."""

API = {
    "solver": "The solver's side: what a solver is given, what it returns, and the registry.",
    "protocol": "What travels on the wire.",
    "llm": "How a model is reached.",
    "answers": "What an answer says, so that equal answers are one vote.",
    "scoring.scorer": "What an answer earns: correctness, similarity and reward in one call.",
    "scoring.correctness": "The validator's comparison of a short answer with the truth.",
    "scoring.reward": "The validator's reward of one answer.",
    "scoring.incentive": "From rewards to rank, incentive and weight.",
}
"""Module: what its page is about."""

LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?(?=\))")
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def pages() -> Mapping[str, str]:
    """Every page of the site that is not a file in docs/, by its path there."""
    made = {page: (ROOT / file).read_text() for page, file in FROM_FILES.items()}
    made = {page: with_links(text, FROM_FILES[page], page) for page, text in made.items()}
    made["reference/commands.md"] = commands()
    made["reference/settings.md"] = settings()
    return made | {f"reference/{name}.md": api(name) for name in API}


def with_links(text: str, file: str, page: str) -> str:
    """`text` of the project's `file`, its links to files as they are from `page` of the site.

    A link to a file that the site does not have becomes that file's name.
    """
    there = {name: path for path, name in FROM_FILES.items()}

    def link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(file), match[1]))
        path = there.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else None)
        return posixpath.relpath(path, posixpath.dirname(page) or ".") + (match[2] or "") if path else ""

    return re.sub(r"\[([^\]]+)\]\(\)", r"\1", LINK.sub(link, text))


def commands() -> str:
    """Every command with its options, in the groups of `logicnet --help`."""
    import typer  # noqa: PLC0415 (mkdocs alone needs what this module imports late)

    from logicnet.cli.commands import app  # noqa: PLC0415

    root: Any = typer.main.get_command(app)
    groups: dict[str, list[str]] = {}
    for name, command in root.commands.items():
        if isinstance(command.rich_help_panel, str):
            groups.setdefault(command.rich_help_panel, []).extend(_command(name, command))
    lines = [
        "# Commands",
        "Made from the command line itself; `logicnet COMMAND --help` shows the same. Exit status: 0 done, "
        "1 failed, 2 wrong usage or setting, 130 Ctrl-C.",
    ]
    for group, parts in groups.items():
        lines += [f"## {group}", *parts]
    return "\n\n".join(lines) + "\n"


def _command(name: str, command: Any) -> Iterator[str]:
    for sub, inner in getattr(command, "commands", {}).items():
        yield from _command(f"{name} {sub}", inner)
    if hasattr(command, "commands"):
        return
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    names = "".join(f" {one.name.upper()}" + ("..." if one.nargs != 1 else "") for one in arguments)
    yield f"### logicnet {name}"
    yield f"    logicnet {name}{names}"
    yield escaped(command.help or "")
    rows = [f"| `{one.name.upper()}` | {escaped(one.help or '')} | |" for one in arguments]
    rows += [row for one in command.params if (row := _option(one))]
    if rows:
        yield "\n".join(["| option | what it does | default |", "|---|---|---|", *rows])
    if command.context_settings.get("ignore_unknown_options"):
        others = "flags of vLLM" if name == "vllm" else "[settings](settings.md)"
        yield f"Takes {others} too."


def _option(option: Any) -> str:
    if option.param_type_name != "option" or option.hidden or option.name == "help":
        return ""
    flags = ", ".join(f"`{flag}`" for flag in (*option.opts, *option.secondary_opts))
    default = option.default
    known = option.show_default and default not in (None, False, "") and not callable(default)
    shown = getattr(default, "value", default)
    if option.secondary_opts:
        shown = (option.opts if default else option.secondary_opts)[0]
    return f"| {flags} | {escaped(option.help or '')} | {f'`{shown}`' if known else ''} |"


def settings() -> str:
    """Every setting: its flag, its variable, what it is, what it takes and its default."""
    from logicnet.config import table  # noqa: PLC0415

    groups: dict[str, list[str]] = {}
    for one in table().values():
        variable = f"`{one.variable}`" + (f", else `{one.known_as}`" if one.known_as else "")
        default = "" if one.default is None else f"`{one.shown(one.default)}`"
        about = f"{escaped(one.description)}. Takes {escaped(one.takes.words)}."
        groups.setdefault(one.group, []).append(f"| `{one.flag}`<br>{variable} | {about} | {default} |")
    lines = [
        "# Settings",
        "A flag beats the environment, the environment beats `.env`, and `.env` beats the default. "
        "`logicnet config` shows the values in force and where each came from.",
    ]
    for group, rows in groups.items():
        head = ["| flag, variable | meaning | default |", "|---|---|---|"]
        lines += [f"## {group}", "\n".join([*head, *rows])]
    return "\n\n".join(lines) + "\n"


def api(name: str) -> str:
    """The names that a module exports, for mkdocstrings; each name where it is exported first."""
    lines = [f"# logicnet.{name}", API[name]]
    module = import_module(f"logicnet.{name}")
    for one in exported(name):
        if _home(one) == name:
            lines += [f"::: logicnet.{name}.{one}" + _methods_alone(getattr(module, one))]
    return "\n\n".join(lines) + "\n"


def _methods_alone(value: object) -> str:
    """For mkdocstrings: of a dataclass only methods, because its signature shows its fields."""
    if not (isinstance(value, type) and is_dataclass(value)):
        return ""
    kinds = (FunctionType, property, classmethod)
    methods = [name for name, one in vars(value).items() if name[0] != "_" and isinstance(one, kinds)]
    return f"\n    options:\n      members: {json.dumps(methods or False)}"


def exported(name: str) -> list[str]:
    module = import_module(f"logicnet.{name}")
    return list(getattr(module, "__all__", ())) or _own(module)


def _own(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]


def _home(name: str) -> str:
    return next(module for module in API if name in exported(module))


def escaped(text: str) -> str:
    """One line that a cell of a table can hold."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def on_files(files: Any, config: Any) -> Any:
    """mkdocs: add the made pages."""
    from mkdocs.structure.files import File  # noqa: PLC0415

    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """mkdocs: links that leave docs/ lead to the made pages."""
    path = page.file.src_uri
    return markdown if page.file.generated_by else with_links(markdown, f"docs/{path}", path)
