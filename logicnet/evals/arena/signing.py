"""The validator's side of both wires: headers and bodies as a real client would send them.

Classic: what a bittensor 10.5.0 Dendrite sends (captured; `tests/golden/dendrite-10.5.0.json`).
btauth/1: what bittensor 11 sends, signed by `bittensor.http_auth` itself.
"""

import functools
import json
import time
import uuid as uuids
from collections.abc import Mapping
from typing import Any

from bittensor import http_auth

from logicnet.chain.keys import Signer
from logicnet.protocol import SynapseName

NO_BODY_HASH = "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"
"""sha3-256 of nothing: what a synapse without `required_hash_fields` always claims."""

_FIELDS: dict[SynapseName, dict[str, Any]] = {
    "LogicSynapse": {
        "logic_question": "",
        "logic_answer": "",
        "logic_reasoning": "",
        "raw_logic_question": "",
        "ground_truth_answer": None,
        "category": "",
        "task_uid": "",
    },
    "Information": {"request_dict": {}, "response_dict": {}},
}
"""Each synapse's own fields with their defaults, in the order in which a Dendrite sends them."""

_TERMINAL = (
    *("status_code", "status_message", "process_time", "ip", "port", "version", "nonce"),
    *("uuid", "hotkey", "signature"),
)
"""The fields of each end of a call, in a Dendrite's order."""

_NUMBERS = ("port", "version", "nonce")  # of these


@functools.cache
def _own_uuid() -> str:
    """One per process, as a Dendrite has one for its life."""
    return str(uuids.uuid1())


def classic_headers(
    keypair: Signer,
    *,
    synapse: str,
    miner_ss58: str,
    timeout_s: float = 64,
    nonce_ns: int | None = None,
    uuid: str | None = None,
    version: int = 10_005_000,
    ip: str = "127.0.0.1",
    port: int = 8091,
) -> dict[str, str]:
    """The headers of one classic request, signed; each needs a nonce of its own.

    `ip` and `port` are the miner's. Defaults: `nonce_ns` now, `uuid` one for this process.
    """
    nonce = time.time_ns() if nonce_ns is None else nonce_ns
    uuid = _own_uuid() if uuid is None else uuid
    hotkey = keypair.ss58_address
    message = f"{nonce}.{hotkey}.{miner_ss58}.{uuid}.{NO_BODY_HASH}"
    return {
        "name": synapse,
        "timeout": str(timeout_s),
        "bt_header_axon_ip": ip,
        "bt_header_axon_port": str(port),
        "bt_header_axon_hotkey": miner_ss58,
        "bt_header_dendrite_ip": "127.0.0.1",
        "bt_header_dendrite_version": str(version),
        "bt_header_dendrite_nonce": str(nonce),
        "bt_header_dendrite_uuid": uuid,
        "bt_header_dendrite_hotkey": hotkey,
        "bt_header_dendrite_signature": "0x" + bytes(keypair.sign(message.encode())).hex(),
        "header_size": "464",  # sizes of Python objects in the caller; no server can use them
        "total_size": "3122",
        "computed_body_hash": NO_BODY_HASH,
    }


def classic_body(headers: Mapping[str, str], fields: Mapping[str, Any] | None = None) -> bytes:
    """The JSON body that goes with `headers`: the whole synapse. `fields` not given have their default."""
    synapse: SynapseName = "Information" if headers["name"] == "Information" else "LogicSynapse"
    body = {
        "name": synapse,
        "timeout": json.loads(headers["timeout"]),
        "total_size": int(headers["total_size"]),
        "header_size": 0,
        "dendrite": _terminal(headers, "dendrite"),
        "axon": _terminal(headers, "axon"),
        "computed_body_hash": "",
    }
    return json.dumps(body | _FIELDS[synapse] | dict(fields or {})).encode()


def _terminal(headers: Mapping[str, str], side: str) -> dict[str, str | int | None]:
    """One end of the call, as far as the headers tell it; the rest is None."""
    told = {name: headers.get(f"bt_header_{side}_{name}") for name in _TERMINAL}
    return {name: int(value) if value and name in _NUMBERS else value for name, value in told.items()}


def classic_request(
    keypair: Signer, *, synapse: SynapseName, fields: Mapping[str, Any] | None = None, **how: Any
) -> tuple[dict[str, str], bytes]:
    """Headers and body of one classic request, sent as `POST /{synapse}`; `how`: see `classic_headers`."""
    headers = classic_headers(keypair, synapse=synapse, **how)
    return headers | {"content-type": "application/json"}, classic_body(headers, fields)


def btauth_request(
    keypair: Signer,
    *,
    synapse: SynapseName,
    miner_ss58: str | None,
    fields: Mapping[str, Any] | None = None,
    timeout_s: float | None = None,
    nonce_ns: int | None = None,
) -> tuple[dict[str, str], bytes]:
    """Headers and body of one btauth/1 request: the synapse's own fields, and `timeout` if given.

    Without `miner_ss58` the request is not bound to a receiver, and most miners refuse it.
    """
    content = _FIELDS[synapse] | dict(fields or {})
    if timeout_s is not None:
        content["timeout"] = timeout_s
    body = json.dumps(content).encode()
    headers = http_auth.sign(
        keypair, method="POST", path=f"/{synapse}", body=body, receiver_ss58=miner_ss58, nonce_ns=nonce_ns
    )
    return headers | {"content-type": "application/json"}, body
