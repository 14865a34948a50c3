"""`logicnet tune entry`: the operator's own repository for a tournament, with what the tournament demands.

Validators build its docker files at the commit that `/training_repo/{text,image}` names. They exclude a
repository whose LICENSE or NOTICE differs from G.O.D.'s own by a character, and one that holds files which
nobody can read (rayonlabs/G.O.D, docs/tourn_miner.md at 2eb295d3).
"""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from logicnet.errors import TuningError
from logicnet.tuning.compete.tournament import EntryOptions
from logicnet.tuning.isolation import CHECKOUT

VERBATIM = {"LICENSE": ("LICENSE", "LICENSE.md"), "NOTICE": ("NOTICE",)}
"""Files of the entry, and the names that they may have where they come from."""

OURS = ("dockerfiles", "logicnet", "requirements", "pyproject.toml")
"""Of this checkout: what the docker files copy."""

UNREADABLE = (".bin", ".pyc", ".pyo", ".so", ".dll", ".dylib", ".exe", ".pt", ".pth", ".pkl")
"""Endings that count as obfuscated code."""

MOST_BYTES = 1 << 20  # of a licence
_TIMEOUT_S = 30.0

_README = """# An entry for tournaments of trainers

Made by `logicnet tune entry`. Validators build `dockerfiles/standalone-text-trainer.dockerfile` or
`standalone-image-trainer.dockerfile` and run it with a task's arguments; both end in `logicnet tune trainer`.

`LICENSE` and `NOTICE` are the tournament's own files, which every entry must contain unchanged. The package
in `logicnet/` is under the MIT licence in `LICENSES/logicnet.txt`.
"""


@dataclass(frozen=True)
class Entry:
    """A repository that can be entered."""

    folder: Path
    commit: str  # 40 hexadecimal digits


def make(options: EntryOptions) -> Entry:
    """Make or update the repository and commit it. Raises TuningError: one line."""
    out = options.out.expanduser().absolute()
    known = (out / ".git").is_dir() and (out / "dockerfiles").is_dir()
    if out.exists() and not known and (not out.is_dir() or any(out.iterdir())):
        raise TuningError(f"{out} exists and is no entry: name a new folder with --out")
    missing = [name for name in OURS if not (CHECKOUT / name).exists()]
    if missing:
        raise TuningError(f"{CHECKOUT} has no {missing[0]}: run this in a checkout of the project")
    texts = {name: _verbatim(options.god, names) for name, names in VERBATIM.items()}
    ours = (CHECKOUT / "LICENSE").read_bytes()
    if texts["LICENSE"] == ours:
        raise TuningError(f"--god {options.god}: this LICENSE is this project's own, not G.O.D.'s")
    try:
        _write(out, texts, ours)
    except OSError as error:
        raise TuningError(f"the entry cannot be written to {out}: {error.strerror or error}") from None
    if not known:
        _git(out, "init", "--quiet", "--initial-branch", "main")
    _git(out, "add", "--all")
    if _git(out, "status", "--porcelain"):
        _git(out, "commit", "--quiet", "--message", "Enter the tournament")
    return Entry(out, _git(out, "rev-parse", "HEAD"))


def run(options: EntryOptions) -> int:
    """Make the repository, and say what is left to do."""
    entry = make(options)
    url = options.url or "https://github.com/ME/ENTRY"
    print(f"The entry is in {entry.folder}, at commit {entry.commit}")
    if options.url is None:
        print("Publish it where validators can clone it, then name it:")
    else:
        print(f"Publish it: git -C {entry.folder} push {url} main; then name it:")
    for kind in ("text", "image"):
        print(f"  logicnet tune serve --tuning.{kind}_repo {url}@{entry.commit}")
    return 0


def _write(out: Path, texts: dict[str, bytes], ours: bytes) -> None:
    """Raises OSError, and TuningError for a file that validators would take for obfuscated."""
    out.mkdir(parents=True, exist_ok=True)
    for name in OURS:
        source, target = CHECKOUT / name, out / name
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(
                source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info")
            )
        else:
            shutil.copyfile(source, target)
    (out / "LICENSES").mkdir(exist_ok=True)
    (out / "LICENSES" / "logicnet.txt").write_bytes(ours)
    (out / "README.md").write_text(_README)
    (out / ".gitignore").write_text("__pycache__/\n")
    for name, text in texts.items():
        (out / name).write_bytes(text)
    for path in out.rglob("*"):
        if path.is_file() and ".git" not in path.relative_to(out).parts and not _readable(path):
            raise TuningError(f"{path} is no text, and an entry may hold nothing else: remove it")


def _readable(path: Path) -> bool:
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    return path.suffix.lower() not in UNREADABLE


def _verbatim(god: str, names: tuple[str, ...]) -> bytes:
    """The bytes of the first of `names` that there is. Raises TuningError."""
    for name in names:
        found = _from_address(f"{god.rstrip('/')}/{name}") if "://" in god else _from_folder(Path(god) / name)
        if found is not None:
            return found
    raise TuningError(f"--god {god}: there is no {' or '.join(names)}; name a clone of G.O.D.'s repository")


def _from_folder(path: Path) -> bytes | None:
    try:
        return path.expanduser().read_bytes()[:MOST_BYTES]
    except OSError:
        return None


def _from_address(address: str) -> bytes | None:
    import httpx2  # noqa: PLC0415 (slow; a folder goes without)

    if urlsplit(address).scheme not in ("http", "https"):
        raise TuningError(f"--god {address}: takes a folder or an http(s) address")
    try:
        response = httpx2.get(address, timeout=_TIMEOUT_S, follow_redirects=True)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise TuningError(
            f"{address} cannot be fetched ({type(error).__name__}): name a clone of G.O.D. with --god"
        ) from None
    return response.content if response.status_code == 200 else None


def _git(folder: Path, *words: str) -> str:
    """What git says. Raises TuningError."""
    try:
        done = subprocess.run(  # noqa: S603 (our own command line)
            ["git", "-C", str(folder), *words],  # noqa: S607
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise TuningError("git is not on the PATH: install it") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        hint = " (git config --global user.name and user.email)" if words[0] == "commit" else ""
        raise TuningError(f"git {words[0]} failed in {folder}: {lines[-1][:200]}{hint}")
    return done.stdout.strip()
