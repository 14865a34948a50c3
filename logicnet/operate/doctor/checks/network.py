"""Does the axon listen and reply, and does the chain send validators to the right address?"""

import asyncio
import errno
import ipaddress
import json
import socket
from collections.abc import Sequence
from contextlib import suppress

from logicnet._util.net import connect_host
from logicnet.chain import AxonAddress
from logicnet.chain.address import ExternalAddress
from logicnet.errors import ChainError, Reason, SettingsError
from logicnet.ledger import ledger_path
from logicnet.operate.doctor.context import (
    Context,
    Finding,
    Offline,
    error,
    not_checked,
    note,
    ok,
    skipped,
    warning,
)
from logicnet.operate.doctor.pm2 import app_of
from logicnet.operate.telemetry.state import State, http_client, read_state

_MOST = 4096  # bytes of a reply; the axon's have 200
_REST_S = 1.0  # for the rest of a reply after its first bytes

_START = "Start the miner: npx pm2 start ecosystem.config.js (or `logicnet mine`), and read its log."


def _restart(context: Context, running: State | None = None) -> str:
    return f"If the settings were changed since its start: npx pm2 restart {app_of(context, running)}."


_BIND_ALL = "Bind an address of this machine: remove --axon.host to bind all of them."
_TURNED_AWAY = "Validators that ask the hotkey of the settings are refused."


async def check(context: Context) -> Sequence[Finding]:
    listening, addresses = await asyncio.gather(_listening(context), _addresses(context))
    return [listening, *addresses]


async def _listening(context: Context) -> Finding:
    host, port = context.settings.bind_host, context.settings.axon.port
    where = f"port {port} of {host}"
    try:
        async with asyncio.timeout(context.system.timeouts.axon_s):
            reply = await _request(context, connect_host(host), port)
    except TimeoutError:
        return error(
            f"Something listens on {where} and does not reply.",
            "A miner that hangs answers no validator.",
            f"Restart it: npx pm2 restart {app_of(context)}. If it hangs again, please report it with its "
            "log.",
        )
    except ConnectionRefusedError:
        return await asyncio.to_thread(_unused, host, port, where)
    except OSError as failure:
        what = f"{where} cannot be reached from this machine ({failure.strerror or failure})."
        return error(what, "Validators then cannot reach it either.", _BIND_ALL)
    if _is_axon(reply):
        return await _running_miner(context, where)
    return error(
        f"Another program listens on {where}.",
        "The miner cannot bind it, so no validator reaches the miner.",
        f"`ss -ltnp 'sport = :{port}'` shows which; end it, or choose another port with --axon.port.",
    )


async def _running_miner(context: Context, where: str) -> Finding:
    """An axon replies. Its telemetry says whether it is the miner of these settings."""
    running = await asyncio.to_thread(running_miner, context)
    if running is None:
        return warning(
            f"An axon replies on {where}, but no miner that writes {ledger_path(context.settings)}.",
            f"If it mines for another hotkey: {_TURNED_AWAY}",
            f"{_restart(context)} Two miners need a port (--axon.port) each.",
        )
    with suppress(SettingsError):  # a finding of `wallet`
        ours = await context.hotkey()
        if running.hotkey != ours:
            return error(
                f"The running miner mines for the hotkey {running.hotkey}; the settings name {ours}.",
                _TURNED_AWAY,
                f"{_restart(context, running)} Two miners need a ledger (--ledger.path) and a port "
                "(--axon.port) each.",
            )
    return ok(f"The axon replies on {where}.")


def running_miner(context: Context) -> State | None:
    """What the miner that writes these settings' ledger says of itself; None if none runs."""
    with http_client() as http:
        return read_state(ledger_path(context.settings).expanduser().resolve(), http)


async def _request(context: Context, host: str, port: int) -> bytes:
    """The reply to a request that our axon refuses before it does any work. Raises OSError."""
    reader, writer = await context.system.connect(host, port)
    try:
        # A known path: unknown ones are counted, to show what else validators ask.
        writer.write(b"GET /LogicSynapse HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        reply = await reader.read(_MOST)
        with suppress(TimeoutError):
            async with asyncio.timeout(_REST_S):
                while len(reply) < _MOST and not _is_axon(reply) and (more := await reader.read(_MOST)):
                    reply += more
        return reply
    finally:
        writer.close()


def _is_axon(reply: bytes) -> bool:
    try:
        body = json.loads(reply.partition(b"\r\n\r\n")[2])
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("reason") in {*Reason}


def _unused(host: str, port: int, where: str) -> Finding:
    """Nothing listens there. Could the miner bind it?"""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the axon does
            probe.bind(address)
    except OSError as failure:
        low = failure.errno == errno.EACCES
        mend = "Choose a port above 1023 with --axon.port; lower ones need root." if low else _BIND_ALL
        what = f"{where} cannot be bound ({failure.strerror or failure})."
        return error(what, "The miner does not start.", mend)
    what = f"Nothing listens on {where}: the miner does not run."
    return error(what, "Challenges are not answered.", _START)


async def _addresses(context: Context) -> list[Finding]:
    if context.settings.offline:
        return [skipped(Offline())]
    external, published = await asyncio.gather(_external(context), _published(context))
    axon = context.settings.axon
    found: list[Finding] = []
    if axon.external_ip and not ipaddress.ip_address(axon.external_ip).is_global:
        seen = "" if isinstance(external, Finding) else f"; that sees this machine at {external}"
        to = "the address at which the internet sees this machine" if not seen else external
        found.append(
            error(
                f"--axon.external_ip is {axon.external_ip}, which is no address of the internet{seen}.",
                "Validators that ask there reach nobody.",
                f"Remove --axon.external_ip, or set it to {to}.",
            )
        )
    elif isinstance(external, Finding):
        found.append(external)
        if axon.external_ip is None:
            return [*found, *([published] if isinstance(published, Finding) else [])]
    elif axon.external_ip not in (None, external):
        found.append(
            note(
                f"--axon.external_ip is {axon.external_ip}; the internet sees this machine at {external}.",
                "If the first address leads elsewhere, no validator reaches the miner.",
                "Remove --axon.external_ip unless that address is forwarded to this machine.",
            )
        )
    if isinstance(published, Finding):
        return [*found, published]
    ours = AxonAddress(axon.external_ip or str(external), axon.external_port or axon.port)
    return [*found, _compared(published, ours), await _reached(context, published or ours)]


async def _external(context: Context) -> str | Finding:
    """The address at which the internet sees this machine."""
    services, find_s = context.system.address_services, context.system.timeouts.address_s
    try:
        return (await ExternalAddress(ip=None, port=1, services=services, find_s=find_s).find()).ip
    except ChainError:
        return not_checked(
            "Not checked: no service reported this machine's external address.",
            "Allow outgoing HTTPS, or set --axon.external_ip.",
        )


async def _published(context: Context) -> AxonAddress | Finding | None:
    """The address on the chain; None if it has none."""
    try:
        snapshot = await context.snapshot()
        ranked = snapshot.by_hotkey.get(await context.hotkey())
    except (ChainError, SettingsError) as reason:
        return skipped(reason)
    if ranked is None:
        return not_checked("Not checked: the hotkey is not registered.", "See the finding of `registration`.")
    return ranked.neuron.axon


def _compared(published: AxonAddress | None, ours: AxonAddress) -> Finding:
    if published is None:
        return error(
            "The chain has no address of this miner.",
            "Validators do not know where to ask.",
            f"The miner publishes its address within minutes. {_START}",
        )
    if published != ours:
        return error(
            f"The chain sends validators to {published}, but the miner is at {ours}.",
            "They ask there, and get no answer.",
            "Restart the miner: it publishes its address again. Behind NAT set --axon.external_ip and "
            "--axon.external_port.",
        )
    return ok(f"The chain sends validators to {ours}, which is the miner's address.")


async def _reached(context: Context, address: AxonAddress) -> Finding:
    """Whether the external address leads to the axon. Many routers do not loop back: silence is no proof."""
    try:
        async with asyncio.timeout(context.system.timeouts.reach_s):
            reply = await _request(context, address.ip, address.port)
    except (OSError, TimeoutError):
        return note(
            f"Not checked: whether {address} is open to the internet cannot be seen from inside.",
            "With a closed port no validator asks.",
            f"From another machine: curl -i http://{address}/LogicSynapse replies 405 if it is open.",
            checked=False,
        )
    if _is_axon(reply):
        return ok(f"{address} reaches an axon.")
    return warning(
        f"Another program replies at {address}.",
        "Validators that ask there do not reach the miner.",
        "Check where the router forwards that port.",
    )
