"""The flags of the miner that runs in a folder, as its process has them.

`pm2 start python --name sn35-miner -- neurons/miner/miner.py --axon.port 9001 ...`, which the subnet's
documents use, keeps flags where neither `.env` nor ecosystem.config.js has them.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

import psutil

_DOCUMENTED = ("neurons", "miner", "miner.py")
_MODULES = ("logicnet", "logicnet.cli")


def running_flags(folder: Path, processes: Iterable[psutil.Process] | None = None) -> list[str]:
    """The flags of this user's miner in `folder`; none if none runs there, or more than one does.

    `processes`: where to look, by default in all of this machine.
    """
    here = folder.resolve()
    found = [flags for one in processes or psutil.process_iter() if (flags := _flags(one, here)) is not None]
    return found[0] if len(found) == 1 else []


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
        ours = name.name == "logicnet" or (word in _MODULES and words[at - 2 : at - 1] == ["-m"])
        if ours and words[at : at + 1] == ["mine"]:
            return list(words[at + 1 :])
    return None
