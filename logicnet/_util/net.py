"""Near: where this machine itself reaches what listens on an address. ecosystem.config.js says it too."""

from __future__ import annotations

from ipaddress import ip_address

LOOPBACK = "127.0.0.1"
ALL_INTERFACES = "0.0.0.0"  # noqa: S104  (validators call from anywhere; every request is verified)


def near(host: str) -> str:
    """The host to call: the loopback's where `host`, which is bound, means all addresses."""
    return {"": LOOPBACK, ALL_INTERFACES: LOOPBACK, "::": "::1"}.get(host, host)


def near_url(host: str, port: int | str) -> str:
    """`http://HOST:PORT`, without a path; an IPv6 address in brackets."""
    found = near(host)
    return f"http://[{found}]:{port}" if ":" in found else f"http://{found}:{port}"


def is_loopback(host: str) -> bool:
    """Whether `host` is an address of the loopback, or localhost."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # another name, such as 127.example.com
        return False
