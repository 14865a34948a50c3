"""The flags of the miner that runs in a folder, as its process has them.

`pm2 start python --name sn35-miner -- neurons/miner/miner.py --axon.port 9001 ...`, which the subnet's
documents use, keeps flags where neither `.env` nor ecosystem.config.js has them.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

import psutil

_DOCUMENTED = ("neurons", "miner", "miner.py")


def running_flags(folder: Path, processes: Iterable[psutil.Process] | None = None) -> list[str]:
    """The flags of this user's miner in `folder`; none if none runs there, or more than one does.

    `processes`: where to look, by default in all of this machine.
    """
    here = folder.resolve()
    found = [flags for one in processes or psutil.process_iter() if (flags := _flags(one, here)) is not None]
    return found[0] if len(found) == 1 else []


def running_elsewhere(folder: Path, processes: Iterable[psutil.Process] | None = None) -> Path | None:
    """The folder of this user's only miner, if it is another one and `folder` is no miner's."""
    if any((folder / name).exists() for name in (".env", "ecosystem.config.js")):
        return None
    found: set[Path] = set()
    for one in processes or psutil.process_iter():
        try:
            if mined_with(one.cmdline()) is not None and one.uids().real == os.getuid():
                found.add(Path(one.cwd()))
        except (psutil.Error, OSError):
            continue
    return found.pop() if len(found) == 1 and folder.resolve() not in found else None


def _flags(process: psutil.Process, folder: Path) -> list[str] | None:
    """None if it is not a miner of ours in `folder`."""
    try:
        flags = mined_with(process.cmdline())
        return flags if flags is not None and Path(process.cwd()) == folder else None
    except (psutil.Error, OSError):  # another user's, or it has just ended
        return None


def mined_with(words: Sequence[str]) -> list[str] | None:
    """The flags in a command line that mines; None for every other one."""
    for at, word in enumerate(words[:4], 1):  # python, its options, the script
        name = PurePath(word)
        if name.parts[-3:] == _DOCUMENTED:
            return list(words[at:])
        ours = name.name == "logicnet" or (word == "logicnet" and words[at - 2 : at - 1] == ["-m"])
        if ours and words[at : at + 1] == ["mine"]:
            return list(words[at + 1 :])
    return None
