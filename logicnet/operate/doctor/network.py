"""Network: does the axon listen and answer, and does the chain tell validators the right address?"""

from __future__ import annotations

import asyncio
import errno
import json
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from logicnet.chain import AxonAddress, Survey
from logicnet.chain.address import ExternalAddress
from logicnet.errors import ChainError, Reason, SettingsError
from logicnet.ledger import ledger_path
from logicnet.operate.doctor.chain import AWAY, OFFLINE
from logicnet.operate.doctor.finding import Finding, Severity, error, note, ok, unmade, warning
from logicnet.operate.doctor.site import Site
from logicnet.operate.telemetry import State, ask, client

_MOST = 4096  # bytes of a reply; ours has 200
_REST_S = 1.0  # for the rest of a reply once its first byte has come

_START = "Start the miner: npx pm2 start ecosystem.config.js (or `logicnet mine`), and read its log."


async def look(site: Site) -> Sequence[Finding]:
    listening, addresses = await asyncio.gather(_listening(site), _addresses(site))
    return [listening, *addresses]


async def _listening(site: Site) -> Finding:
    port, host = site.settings.axon.port, site.near_host
    where = f"port {port} of {site.settings.bind_host}"
    try:
        async with asyncio.timeout(site.outside.patience.axon_s):
            reply = await _asked(site, host, port)
    except TimeoutError:
        return error(
            f"Something listens on {where} and does not answer.",
            "A miner that is stuck answers no validator either.",
            "Restart it: npx pm2 restart sn35-miner. If it happens again, please report it with its log.",
        )
    except ConnectionRefusedError:
        return await asyncio.to_thread(_free, site.settings.bind_host, port, where)
    except OSError as broken:
        return error(
            f"{where} cannot be reached from this machine ({broken.strerror or broken}).",
            "Validators then cannot reach it either.",
            "Bind an address that this machine has: leave --axon.host out to bind them all.",
        )
    if _is_ours(reply):
        return await _whose(site, where)
    return error(
        f"Another program has {where}.",
        "The miner cannot bind it, so no validator reaches it.",
        f"`ss -ltnp 'sport = :{port}'` shows which; end it, or choose another port with --axon.port.",
    )


async def _whose(site: Site, where: str) -> Finding:
    """An axon answers. Whether it is the miner of these settings, its own word tells."""
    ledger = ledger_path(site.settings)
    running = await asyncio.to_thread(_running, ledger)
    if running is None:
        return warning(
            f"An axon answers on {where}, but no miner that writes {ledger}.",
            "If it mines for another hotkey, validators who ask ours are turned away; if it is ours, nobody "
            "can watch it.",
            "If the settings were changed since it was started: npx pm2 restart sn35-miner. Two miners want "
            "a port (--axon.port) each.",
        )
    with suppress(SettingsError):  # which is said of the wallet
        ours = await site.hotkey()
        if running.hotkey != ours:
            return error(
                f"The miner that runs mines for the hotkey {running.hotkey}; the settings name {ours}.",
                "Validators who ask the one that is set are turned away.",
                "If the settings were changed since it was started: npx pm2 restart sn35-miner. Two miners "
                "want a ledger (--ledger.path) and a port (--axon.port) each.",
            )
    return ok(f"The axon answers on {where}.")


def _running(ledger: Path) -> State | None:
    with client() as http:
        return ask(ledger.expanduser().resolve(), http)


async def _asked(site: Site, host: str, port: int) -> bytes:
    """What is said to a question that our axon declines before it does any work. Raises OSError."""
    reader, writer = await site.outside.connect(host, port)
    try:
        # Not a path that it does not know: those are counted, to see what else validators may ask.
        writer.write(b"GET /LogicSynapse HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        reply = await reader.read(_MOST)
        with suppress(TimeoutError):  # it has answered; what does not come to its end is not ours
            async with asyncio.timeout(_REST_S):
                while len(reply) < _MOST and not _is_ours(reply) and (more := await reader.read(_MOST)):
                    reply += more
        return reply
    finally:
        writer.close()


def _is_ours(reply: bytes) -> bool:
    try:
        said = json.loads(reply.partition(b"\r\n\r\n")[2])
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("reason") in {*Reason}


def _free(host: str, port: int, where: str) -> Finding:
    """Nobody listens. Could the miner?"""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the axon's own
            probe.bind(address)
    except OSError as broken:
        if broken.errno == errno.EACCES:
            mend = "Take a port from 1024 up with --axon.port; lower ones are for root alone."
        else:
            mend = "Bind an address that this machine has: leave --axon.host out to bind them all."
        return error(
            f"{where} cannot be bound ({broken.strerror or broken}).", "The miner does not start.", mend
        )
    return error(
        f"Nobody listens on {where}: the miner does not run.",
        "No validator is answered.",
        _START,
    )


async def _addresses(site: Site) -> list[Finding]:
    if site.settings.offline:
        return [OFFLINE]
    seen, published = await asyncio.gather(_seen(site), _published(site))
    named = site.settings.axon.external_ip
    port = site.settings.axon.external_port or site.settings.axon.port
    found: list[Finding] = []
    if isinstance(seen, Finding):
        found.append(seen)
        if named is None:
            return [*found, *([published] if isinstance(published, Finding) else [])]
    elif named is not None and named != seen:
        found.append(
            note(
                f"You say that validators reach us at {named}; the internet sees this machine at {seen}.",
                "If the first one leads elsewhere, nobody reaches us.",
                "Leave --axon.external_ip out, unless that address is forwarded to this machine.",
            )
        )
    ours = AxonAddress(named or str(seen), port)
    if isinstance(published, Finding):
        return [*found, published]
    return [*found, _compared(published, ours), await _reached(site, published or ours)]


async def _seen(site: Site) -> str | Finding:
    """The address that the internet sees."""
    services = site.outside.address_services
    try:
        return (
            await ExternalAddress(
                ip=None, port=1, services=services, find_s=site.outside.patience.address_s
            ).find()
        ).ip
    except ChainError:
        return unmade(
            "Not checked: no service told us the address that the internet sees.",
            "Let HTTPS out, or give the address with --axon.external_ip.",
        )


async def _published(site: Site) -> AxonAddress | Finding | None:
    """What the chain tells validators; None if it tells them nothing."""
    try:
        survey: Survey = await site.survey()
        seat = survey.by_hotkey.get(await site.hotkey())
    except ChainError:
        return AWAY
    except SettingsError:
        return unmade(
            "Published address not checked: the hotkey cannot be read.", "See what is said of the wallet."
        )
    if seat is None:
        return unmade(
            "Published address not checked: the hotkey is not registered.", "See what is said of the place."
        )
    return seat.neuron.axon


def _compared(published: AxonAddress | None, ours: AxonAddress) -> Finding:
    if published is None:
        return error(
            "The chain has no address of ours.",
            "Validators do not know where to ask.",
            f"The miner publishes it by itself within minutes. {_START}",
        )
    if published != ours:
        return error(
            f"The chain sends validators to {_written(published)}, but we are at {_written(ours)}.",
            "They ask there, and get nothing.",
            "Restart the miner: it publishes its address anew. Behind NAT give --axon.external_ip and "
            "--axon.external_port.",
        )
    return ok(f"The chain sends validators to {_written(ours)}, where we are.")


async def _reached(site: Site, address: AxonAddress) -> Finding:
    """Whether we reach ourselves by way of the outside. Many routers do not do that, so no is no proof."""
    try:
        async with asyncio.timeout(site.outside.patience.reach_s):
            reply = await _asked(site, address.ip, address.port)
    except (OSError, TimeoutError):
        return Finding(
            Severity.NOTE,
            f"Whether {_written(address)} is open to the world cannot be told from inside.",
            "A closed port looks like an empty subnet: nobody asks.",
            f"From another machine: curl -i http://{_written(address)}/LogicSynapse answers 405 when it is "
            "open.",
            checked=False,
        )
    if _is_ours(reply):
        return ok(f"{_written(address)} reaches an axon.")
    return warning(
        f"{_written(address)} is answered by another program.",
        "Validators who ask there do not reach the miner.",
        "See where the router forwards that port to.",
    )


def _written(address: AxonAddress) -> str:
    return f"[{address.ip}]:{address.port}" if ":" in address.ip else f"{address.ip}:{address.port}"
