import json
from pathlib import Path
from typing import Any

import pytest
from bittensor import http_auth, sp_core
from bittensor.sp_core import Keypair

from logicnet.evals.arena.signing import btauth_request, classic_body, classic_headers

GOLDEN: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "golden" / "dendrite-10.5.0.json").read_text()
)
MEANINGLESS = {"total_size", "header_size", "bt_header_dendrite_ip", "bt_header_dendrite_signature"}


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden["case"])
def test_headers_and_body_are_those_of_a_real_dendrite(golden: dict[str, Any]) -> None:
    theirs = golden["headers"]
    ours = classic_headers(
        Keypair.create_from_uri(golden["validator_uri"]),
        synapse=theirs["name"],
        miner_ss58=golden["miner_ss58"],
        timeout_s=json.loads(theirs["timeout"]),
        nonce_ns=int(theirs["bt_header_dendrite_nonce"]),
        uuid=theirs["bt_header_dendrite_uuid"],
    )
    assert list(ours) == list(theirs)
    for name in theirs.keys() - MEANINGLESS:
        assert ours[name] == theirs[name], name

    their_body = json.loads(golden["body"])
    our_body = json.loads(classic_body(theirs, their_body))
    assert list(our_body) == list(their_body)
    assert our_body == their_body


def test_the_signature_covers_what_a_dendrite_signs() -> None:
    keypair = Keypair.create_from_uri("//Validator")
    headers = classic_headers(keypair, synapse="Information", miner_ss58="5Miner", timeout_s=60.0, nonce_ns=7)
    uuid, hashed = headers["bt_header_dendrite_uuid"], headers["computed_body_hash"]
    message = f"7.{keypair.ss58_address}.5Miner.{uuid}.{hashed}".encode()
    signature = bytes.fromhex(headers["bt_header_dendrite_signature"][2:])
    assert sp_core.verify(message, signature, keypair.ss58_address, sp_core.CRYPTO_SR25519)


def test_btauth_requests_verify_under_bittensors_own_rules() -> None:
    validator, miner = Keypair.create_from_uri("//Validator"), Keypair.create_from_uri("//Miner")
    headers, body = btauth_request(
        validator,
        synapse="LogicSynapse",
        miner_ss58=miner.ss58_address,
        fields={"logic_question": "2+2?"},
        timeout_s=12.0,
    )
    caller = http_auth.verify(
        headers, body, method="POST", path="/LogicSynapse", self_hotkey_ss58=miner.ss58_address
    )
    assert caller.hotkey_ss58 == validator.ss58_address
    assert json.loads(body)["logic_question"] == "2+2?"
    assert json.loads(body)["timeout"] == 12.0
