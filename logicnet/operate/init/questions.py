"""The five questions, each answered by a flag, by the earlier `.env`, or by the operator.

1. whose wallet, 2. which hotkey of it, 3. which network, 4. which port, 5. which model.
"""

import getpass
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from dotenv.parser import parse_stream

from logicnet.config import Setting, check, read, table
from logicnet.config.started import HOTKEYS, hotkeys
from logicnet.errors import LogicnetError, SettingsError
from logicnet.operate.init.machine import LocalVllm, best_model, local_vllm

T = TypeVar("T")
Ask = Callable[[str], str]
"""A question -> its answer. EOFError at the end of input."""

_BASE_URL = "miner.llm_client.base_url"
_KEY = "miner.llm_client.key"
_NAME = "miner.llm_client.model"
_FIRST = "its first"
VOLUME = table()["miner.epoch_volume"].variable
_WRITTEN = {
    "SN35_MINER_PYTHON",
    HOTKEYS,
    "SN35_VLLM",
    *(f"SN35_VLLM_{end}" for end in ("MODEL", "PORT", "FLAGS", "PYTHON")),
}
"""Written again each time; other variables of an earlier `.env` are kept."""


@dataclass(frozen=True, slots=True)
class InitOptions:
    """The command line. `flags` are those of `mine`."""

    flags: Sequence[str] = ()
    folder: Path = Path()
    model: str | None = None
    vllm_flags: str | None = None
    vllm_python: str | None = None
    force: bool = False
    ask: Ask | None = input  # None: ask nothing
    ask_secret: Ask = getpass.getpass
    hotkeys: str | None = None  # of several miners, separated by commas


@dataclass(frozen=True, slots=True)
class InitAnswers:
    """The content of `.env`: settings by their variable, and vLLM if it runs here."""

    settings: Mapping[str, str]
    vllm: LocalVllm | None
    kept: Mapping[str, str]  # variables of an earlier `.env` for other programs: keys, caches
    hotkeys: Sequence[str] = ()  # of several miners


def collect_answers(options: InitOptions, environ: Mapping[str, str] = os.environ) -> InitAnswers:
    """Ask what the flags leave open. Raises SettingsError for a wrong answer, or for all missing ones."""
    before = _before(options)
    given = read(list(options.flags), {}, Path(os.devnull)).given
    known = {setting.variable: _written(setting, one.text) for setting, one in given.items()}
    hotkey = _variable("wallet.hotkey")
    several = hotkeys({HOTKEYS: options.hotkeys or ("" if hotkey in known else before.get(HOTKEYS, ""))})
    if several:
        if known.get(hotkey, several[0]) != several[0]:
            raise SettingsError("--hotkeys names the hotkeys of all miners: leave out --wallet.hotkey.")
        known[hotkey] = several[0]
    earlier = {name: value for name, value in before.items() if name.startswith("LOGICNET_")}
    found = {**earlier, **known}
    missing: list[str] = []

    @contextmanager
    def noted() -> Iterator[None]:
        try:
            yield
        except SettingsError as error:
            if options.ask is not None:
                raise
            missing.append(str(error))

    for question in _QUESTIONS:
        setting = table()[question.setting]
        if setting.variable not in known:
            with noted():
                answer = _one(question, setting, found, options.ask)
                outside, mapped, inside = answer.rpartition(":") if question.mapped else ("", "", answer)
                found[setting.variable] = inside
                if mapped:
                    found[_variable(question.mapped)] = outside
    vllm = None
    with noted():
        vllm = _model(options, found, before, known)
        if vllm is None:
            _ask_model_and_key(found, options, environ)
    if missing:
        raise SettingsError("\n".join(missing))
    if vllm is not None and vllm.volume is not None and len(several) > 1 and VOLUME not in known:
        found[VOLUME] = str(max(1, vllm.volume // len(several)))  # they share it
    ours = {name for name in before if name.startswith("LOGICNET_")} | _WRITTEN
    kept = {name: value for name, value in before.items() if name not in ours}
    return InitAnswers(found, vllm, kept, several)


@dataclass(frozen=True, slots=True)
class _Prompt:
    setting: str
    words: str
    choices: Callable[[Mapping[str, str]], Sequence[str]]  # found on this machine; the first is the default
    is_key: bool = False  # the answer must be one of the choices
    mapped: str = ""  # the setting for OUTSIDE of an answer OUTSIDE:INSIDE


def _wallets(found: Mapping[str, str]) -> list[str]:
    return _names(_wallet_folder(found), folders=True)


def _hotkeys(found: Mapping[str, str]) -> list[str]:
    name = found.get(_variable("wallet.name"))
    wallets = [name] if name else _wallets(found)  # of all wallets, while the wallet is open
    keys = {key for one in wallets for key in _names(_wallet_folder(found) / one / "hotkeys", folders=False)}
    return sorted(keys)


_QUESTIONS = (
    _Prompt("wallet.name", "Whose wallet (the coldkey's name)", _wallets, is_key=True),
    _Prompt("wallet.hotkey", "Which hotkey of it", _hotkeys, is_key=True),
    _Prompt("subtensor.network", "Which network", lambda _: ["finney"]),
    _Prompt(
        "axon.port",
        "Which port do validators reach this machine at (OUTSIDE:INSIDE if a router or a container maps it)",
        lambda _: ["8091"],
        mapped="axon.external_port",
    ),
)

_MODEL_WORDS = (
    "Which model: a name of `logicnet models` or a folder, to serve it here,\n"
    "or the base URL of a running server"
)


def _one(question: _Prompt, setting: Setting, found: Mapping[str, str], ask: Ask | None) -> str:
    """The answer to one question. Without `ask`: the earlier answer, or the only choice."""
    choices = question.choices(found)
    listed = ", ".join(choices[:10])
    earlier = found.get(setting.variable)
    if earlier and question.mapped and (outside := found.get(_variable(question.mapped))):
        earlier = f"{outside}:{earlier}"
    usual = earlier or (choices[0] if choices else "")
    if question.is_key and not choices and not (ask is None and usual):
        raise SettingsError(
            f"{setting.flag} is missing: {_wallet_folder(found)} has none. Create one with `btcli wallet "
            "create`, or name another folder with --wallet.path."
        )
    if ask is None:
        if usual and (earlier or len(choices) == 1):
            return usual
        raise SettingsError(
            f"{setting.flag} is missing" + (f"; the choices are {listed}." if choices else ".")
        )

    def accept(text: str) -> str:
        parts = text.split(":", 1) if question.mapped else [text]
        for flag, part in zip((setting.flag, f"--{question.mapped}"), reversed(parts), strict=False):
            read([f"{flag}={part}"], {}, Path(os.devnull))
        if question.is_key and text not in choices:  # refused now, not after the last question
            raise SettingsError(f"{setting.flag}: {text!r} does not exist; choose {listed}.")
        return _written(setting, text)

    words = f"{question.words} ({listed})" if len(choices) > 1 else question.words
    return _until_valid(ask, words, usual, accept)


def _model(
    options: InitOptions, found: dict[str, str], before: Mapping[str, str], known: Mapping[str, str]
) -> LocalVllm | None:
    """The vLLM to run here; None if the miner asks a running server."""
    if _variable(_BASE_URL) in known:
        if options.model is not None:
            raise SettingsError(
                "--model starts vLLM here, --miner.llm_client.base_url names a running server: give "
                "one of them."
            )
        return None
    answer = options.model or found.get(_variable(_BASE_URL)) or before.get("SN35_VLLM_MODEL") or None
    if options.ask is None or options.model is not None:
        answer = answer or best_model()
        if answer is None:
            raise SettingsError(
                "This machine has no GPU for a model: give the --miner.llm_client.base_url of a server, or a "
                "small --model for the CPU."
            )
        return _served(options, found, before, known, answer)
    served = partial(_served, options, found, before, known)
    return _until_valid(options.ask, _MODEL_WORDS, answer or best_model() or "", served)


def _served(
    options: InitOptions,
    found: dict[str, str],
    before: Mapping[str, str],
    known: Mapping[str, str],
    text: str,
) -> LocalVllm | None:
    variable = _variable(_BASE_URL)
    if "://" in text or text == found.get(variable):
        read([f"--{_BASE_URL}={text}"], {}, Path(os.devnull))
        found[variable] = text
        return None
    flags = options.vllm_flags
    if flags is None and text == before.get("SN35_VLLM_MODEL"):
        flags = before.get("SN35_VLLM_FLAGS")  # the operator may have changed them
    vllm = local_vllm(
        text,
        flags=flags,
        python=options.vllm_python or before.get("SN35_VLLM_PYTHON"),
        port=before.get("SN35_VLLM_PORT"),
    )
    # ecosystem.config.js gives the miner the URL of our vLLM; those of another server are wrong.
    for name in {variable, _variable(_KEY), _variable(_NAME)} - known.keys():
        found.pop(name, None)
    if vllm.volume is not None and VOLUME not in known:
        found[VOLUME] = str(vllm.volume)
    return vllm


def _ask_model_and_key(found: dict[str, str], options: InitOptions, environ: Mapping[str, str]) -> None:
    """Of a server elsewhere, which may have many models and need a key: by default OPENAI_API_KEY."""
    url = urlsplit(found[_variable(_BASE_URL)].partition(",")[0])
    if options.ask is not None and url.scheme and _variable(_NAME) not in found:
        name = _asked(options.ask, f"Which model of {url.hostname}", _FIRST)
        if name != _FIRST:
            found[_variable(_NAME)] = name
    if url.scheme != "https" or found.get(_variable(_KEY)):
        return
    key = environ.get("OPENAI_API_KEY") or ""
    if not key and options.ask is not None:
        key = _asked(options.ask_secret, f"The key of {url.hostname} (hidden)", "")
    if key:
        found[_variable(_KEY)] = key
    else:  # raises, so that it is listed with the other missing answers
        check(read([f"--{_BASE_URL}={found[_variable(_BASE_URL)]}"], {}, Path(os.devnull)))


def _until_valid(ask: Ask, words: str, usual: str, accept: Callable[[str], T]) -> T:
    """What `accept` makes of the answer; an answer for which it raises SettingsError is asked again."""
    shown = words
    while True:
        try:
            return accept(_asked(ask, shown, usual))
        except SettingsError as wrong:
            shown = f"{wrong}\n{words}"


def _asked(ask: Ask, words: str, usual: str) -> str:
    """The line typed; `usual` if it is empty. Raises LogicnetError at the end of input."""
    while True:
        try:
            text = ask(f"{words} [{usual}]: " if usual else f"{words}: ").strip()
        except EOFError:
            raise LogicnetError("Nothing was written: the input ended before the last answer.") from None
        if text or usual:
            return text or usual


def _before(options: InitOptions) -> dict[str, str]:
    """The variables of the `.env` to be replaced."""
    file = options.folder / ".env"
    if not options.force or not file.is_file():
        return {}
    try:
        bindings = list(parse_stream(io.StringIO(file.read_text())))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read ({error}): move it to another folder.") from None
    for one in bindings:
        if one.error:  # it would be lost without a word
            words = one.original.string.strip().partition("=")[0][:40]
            raise SettingsError(
                f"{file}: {words!r} is not of the form NAME=value: correct or remove the line."
            )
    return {one.key: one.value for one in bindings if one.key and one.value}


def _names(folder: Path, *, folders: bool) -> list[str]:
    try:
        every = sorted(folder.iterdir())
    except OSError:
        return []
    public = (".txt", ".tmp")  # the public halves, and half-written files
    return [path.name for path in every if path.is_dir() is folders and path.suffix not in public]


def _wallet_folder(found: Mapping[str, str]) -> Path:
    setting = table()["wallet.path"]
    return Path(found.get(setting.variable) or str(setting.default)).expanduser()


def _written(setting: Setting, text: str) -> str:
    """The value for `.env`: paths are absolute, because pm2 may start the miner in any folder."""
    if setting.takes.metavar in {"FOLDER", "FILE"}:
        return str(Path(text).expanduser().absolute())
    return text


def _variable(name: str) -> str:
    return table()[name].variable
