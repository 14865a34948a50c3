"""Files that a reader finds whole: as they were, or as they are now."""

import os
from pathlib import Path


def write_whole(path: Path, data: bytes | str, *, mode: int = 0o666, sync: bool = False) -> None:
    """Write `path` beside itself, then rename. Raises OSError.

    `mode`: its permissions, which the umask lowers. `sync`: also after a crash of the machine.
    """
    beside = path.with_name(f".{path.name}.part")
    beside.unlink(missing_ok=True)  # of a process that was killed, with any mode
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data.encode() if isinstance(data, str) else data)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    beside.replace(path)
