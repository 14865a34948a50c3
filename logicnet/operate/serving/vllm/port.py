"""Is a TCP port free, and if not, which process listens on it? Nothing is sent."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress

import psutil


def is_free(host: str, port: int) -> bool:
    """Whether no other server listens there; True for an address that is not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as vLLM does
            probe.bind((host, port))
    except OSError as error:
        return error.errno != errno.EADDRINUSE
    except UnicodeError:  # not a host name: vLLM will say so
        return True
    return True


def listener(port: int) -> str | None:
    """`process 123 (name)` that listens on `port`; None if it is another user's."""
    with suppress(psutil.Error):
        for one in psutil.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid:
                return f"process {one.pid} ({psutil.Process(one.pid).name()})"
    return None
