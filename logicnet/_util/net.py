"""Addresses: which are of the loopback, and how this machine connects to a bound one."""

import os
import socket
from ipaddress import ip_address

from logicnet.errors import LogicnetError

LOOPBACK = "127.0.0.1"
ALL_INTERFACES = "0.0.0.0"  # noqa: S104  (validators call from anywhere; every request is verified)


def connect_host(host: str) -> str:
    """The host to connect to: the loopback, if the bound `host` means all addresses."""
    return {"": LOOPBACK, ALL_INTERFACES: LOOPBACK, "::": "::1"}.get(host, host)


def connect_url(host: str, port: int | str) -> str:
    """`http://HOST:PORT`, without a path; an IPv6 address in brackets."""
    found = connect_host(host)
    return f"http://[{found}]:{port}" if ":" in found else f"http://{found}:{port}"


def is_loopback(host: str) -> bool:
    """Whether `host` is an address of the loopback, or localhost."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # another name, such as 127.example.com
        return False


def require_free(host: str, port: int, flags: str) -> None:
    """Raise LogicnetError, with the flags that mend it, if nobody can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise LogicnetError(
            f"cannot listen on {host} port {port} ({os.strerror(error.errno) if error.errno else error}); "
            f"set {flags}.host or {flags}.port"
        ) from None
