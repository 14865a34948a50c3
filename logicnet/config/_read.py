"""Reads flags, environment and `.env` into validated settings with their sources."""

import io
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream
from pydantic import ValidationError

from logicnet.config._endpoints import endpoints
from logicnet.config._table import NESTED, PREFIX, Setting, by_variable, nearest, table
from logicnet.config._words import hint, plain, quoted, stop_if
from logicnet.errors import SettingsError
from logicnet.settings import MASK, Settings, addresses

ENV_FILE = Path(".env")

_FLAG = "flag"
_LONGEST_SLIP = 4  # surplus characters after a flag; more may be a key written without a space


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was written, the name it was given under, and where."""

    text: str = field(repr=False)  # it may be a secret
    name: str
    source: str  # "flag", "environment" or ".env line 3"

    @property
    def written(self) -> str:
        """The name as errors write it."""
        return self.name if self.source == _FLAG else f"{plain(self.name)} ({self.source})"


@dataclass(frozen=True, slots=True)
class Config:
    """The settings, and what was given for them."""

    settings: Settings
    given: Mapping[Setting, Given]

    def source(self, setting: Setting) -> str:
        """`flag --x`, `environment X`, `.env line 3 X` or `default`."""
        given = self.given.get(setting)
        return f"{given.source} {given.name}" if given else "default"

    def written(self, setting: Setting) -> str:
        """The name as errors write it."""
        given = self.given.get(setting)
        return given.written if given else setting.flag

    def secrets(self) -> list[str]:
        """All secret values, for masking."""
        values = (setting.value(self.settings) for setting in table().values() if setting.secret)
        own = [
            secret for value in values if value for secret in (value.get_secret_value(), *addresses(value))
        ]
        try:
            listed = endpoints(self.settings.miner.llm_client)
        except SettingsError:  # reported by `check`
            return own
        keys = [spec.key.get_secret_value() for spec in listed if spec.key]
        return list(dict.fromkeys([*own, *keys]))


def read(argv: Sequence[str], environ: Mapping[str, str] = os.environ, env_file: Path = ENV_FILE) -> Config:
    """The settings. Raises SettingsError, with a line for each fault."""
    wrong: list[str] = []
    _stop_if_cut(argv)
    flags = _flags(argv, wrong)
    variables = {name: Given(text, name, "environment") for name, text in environ.items()}
    lines = _env_file(env_file, wrong)
    for given in chain(variables.values(), lines.values()):
        if given.name.upper().startswith(PREFIX) and given.name not in by_variable():
            near = nearest(given.name[len(PREFIX) :].replace(NESTED, "."))
            wrong.append(
                f"{given.written}: there is no such setting; {hint(near.variable if near else None)}"
            )
    stop_if(wrong)

    found = {}
    for setting in table().values():
        names = (setting.variable, *setting.known_as)
        places = (
            flags.get(setting),
            *(place.get(name) for name in names for place in (variables, lines)),
        )
        # An empty variable counts as unset; an empty flag is an error.
        given_first = next((one for one in places if one and (one.text or one.source == _FLAG)), None)
        if given_first:
            found[setting] = given_first
    return Config(_validated(found), found)


def _stop_if_cut(argv: Sequence[str]) -> None:
    """Raise SettingsError if a backslash was followed by a blank or a comment, as the documents print it.

    A shell ends the command there: it takes the blank and the comment's words for arguments, and the flags
    of the lines below for commands of their own.
    """
    at = next((at for at, word in enumerate(argv) if _is_cut(word, argv[:at])), None)
    if at is None:
        return
    given = {setting.flag: setting.shown(one.text) for setting, one in _flags(argv[:at], []).items()}
    meant = [f"{flag} {shlex.quote(text)}" for flag, text in {**_DOCUMENTED, **given}.items() if text]
    raise SettingsError(
        f"{quoted(argv[at].strip(' ')[:1])} stands behind a backslash, where the shell ended the command: "
        "flags on the lines below never reached the miner. Write it in one line, with your values: "
        f"python neurons/miner/miner.py {' '.join(filter(str.isprintable, meant))}"
    )


def _is_cut(word: str, before: Sequence[str]) -> bool:
    """Whether `word` is what a shell makes of a backslash and a blank or comment. Values may begin with #."""
    setting = table().get(before[-1][2:]) if before else None
    is_value = setting is not None and not setting.switch and not word[:1].isspace()
    return word.isspace() or (word.lstrip().startswith("#") and not is_value)


_DOCUMENTED = {
    "--miner.category": "Logic",
    "--miner.epoch_volume": "50",
    "--miner.llm_client.base_url": "http://localhost:8000/v1",
    "--miner.llm_client.model": "Qwen/Qwen2-7B-Instruct",
}
"""Flags of the documents' command that stand behind or below its first comment."""


def _flags(argv: Sequence[str], wrong: list[str]) -> dict[Setting, Given]:
    """`--flag value`, `--flag=value`, bare switches. The last one counts; `Several` flags add up."""
    found: dict[Setting, Given] = {}
    words = list(reversed(argv))
    hide = False  # a stray word may be (part of) a secret
    while words:
        name, equals, text = words.pop().partition("=")
        setting = table().get(name[2:]) if name.startswith("--") else None
        follows = bool(words) and not equals and not words[-1].startswith("--")
        if setting is None:
            wrong.append(_no_such_flag(name, hide))
            hide = True
            if follows and name.startswith("-"):
                words.pop()  # its value, most likely
            continue
        hide = setting.secret or bool(wrong)
        if setting.switch and not equals:
            text = words.pop() if follows and words[-1].lower() in {"true", "false"} else "true"
        elif follows:
            text = words.pop()
        elif not equals:
            wrong.append(f"{name} takes {setting.takes.words}; got nothing.")
            continue
        if setting.several and setting in found:
            text = f"{found[setting].text},{text}"
        found[setting] = Given(text, name, _FLAG)
    return found


def _no_such_flag(name: str, hide: bool) -> str:
    if not name.startswith("-"):
        return f"{MASK if hide else quoted(name)} is not a flag: flags begin with --."
    for setting in table().values():
        if setting.secret and name.startswith(setting.flag) and len(name) > len(setting.flag) + _LONGEST_SLIP:
            return f"{setting.flag}{MASK}: there is no such flag; {hint(setting.flag)}"
    near = nearest(name.strip("-"))
    return f"{plain(name)}: there is no such flag; {hint(near.flag if near else None)}"


def _env_file(path: Path, wrong: list[str]) -> dict[str, Given]:
    """The values of `.env` by name, as written, `$` included; empty without the file."""
    try:
        data = path.read_bytes()
        text = data.decode("utf-8").replace("\r\n", "\n")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        wrong.append(f"{path} line {line}: not UTF-8 text.")
        return {}
    except OSError as error:
        wrong.append(f"{path}: cannot be read ({error.strerror}).")
        return {}
    found = {}
    for binding in parse_stream(io.StringIO(text)):
        written, line = binding.original
        # The library counts from the blank lines before.
        line += written[: len(written) - len(written.lstrip())].count("\n")
        source = f"{path} line {line}"
        if binding.error or (binding.key and binding.value is None):
            wrong.append(f"{source}: not of the form NAME=value.")
        elif binding.key:
            found[binding.key] = Given(binding.value or "", binding.key, source)
    return found


def lines_of(env_file: Path) -> dict[str, int]:
    """The line of each variable in `env_file`; nothing if it cannot be read."""
    return {name: int(given.source.rpartition(" ")[2]) for name, given in _env_file(env_file, []).items()}


def _validated(found: Mapping[Setting, Given]) -> Settings:
    tree: dict[str, Any] = {}
    for setting, given in found.items():
        branch = tree
        for part in setting.path[:-1]:
            branch = branch.setdefault(part, {})
        branch[setting.path[-1]] = given.text
    try:
        return Settings(**tree)
    except ValidationError as error:
        paths = {one["loc"] for one in error.errors(include_url=False, include_input=False)}
    raise SettingsError(
        "\n".join(_wrong_value(one, given) for one, given in found.items() if one.path in paths)
    )


def _wrong_value(setting: Setting, given: Given) -> str:
    got = quoted(setting.shown(given.text)) if given.text else "nothing"
    return f"{given.written} takes {setting.takes.words}; got {got}."
