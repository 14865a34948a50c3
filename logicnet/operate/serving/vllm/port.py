"""Is a TCP port free, and if not, who has it? From the kernel's own tables; nothing is sent."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from pathlib import Path

_LISTENS = "0A"  # state of a socket in /proc/net/tcp


def is_free(host: str, port: int) -> bool:
    """Whether no other server has it. An address that is not this machine's is not for us to refuse."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as vLLM does
            probe.bind((host, port))
    except OSError as error:
        return error.errno != errno.EADDRINUSE
    except UnicodeError:  # no name of a host: vLLM will say so
        return True
    return True


def holder(port: int) -> str | None:
    """`process 123 (name)` that listens on `port`; None if it cannot be told: another user's, or no /proc."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == _LISTENS and int(words[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{words[9]}]")
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            for link in (entry / "fd").iterdir():
                with suppress(OSError):
                    if str(link.readlink()) in inodes:
                        return f"process {entry.name} ({(entry / 'comm').read_text().strip()})"
    return None
