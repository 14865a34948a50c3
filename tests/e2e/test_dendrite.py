"""Real clients: an unmodified bittensor 10.5.0 Dendrite, and requests that bittensor 11 itself signed."""

import asyncio
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from bittensor import http_auth

from logicnet.solver.constant import ConstantSolver
from tests.e2e.conftest import ROOT, START_S, Miner, Network, StartMiner, Vllm

CONSTANT = ("--miner.solver", "constant")
NO_QUOTA = ("--miner.limit_interval", "0.001")  # renewed faster than anybody here can use it up
INFORMED = {"epoch_volume": 512, "category": "Logic"}


class Dendrites:
    """Dendrites of the wallet's hotkeys, in a process of their own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def hear(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the Dendrite ended: {self._process.wait()}"
        return json.loads(line)

    async def burst(
        self,
        miner: Miner,
        fields: list[dict[str, Any]],
        *,
        synapse: str = "LogicSynapse",
        hotkey: str = "alice",
        timeout_s: float = 64,
        miner_ss58: str | None = None,
    ) -> list[dict[str, Any]]:
        """Ask all at once; what each synapse was when its Dendrite had done with it."""
        order = {
            "hotkey": hotkey,
            "port": miner.port,
            "miner_ss58": miner_ss58 or miner.network.miner_ss58,
            "synapse": synapse,
            "fields": fields,
            "timeout": timeout_s,
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        replies: list[dict[str, Any]] = await asyncio.to_thread(self.hear)
        return replies

    async def ask(self, miner: Miner, **order: Any) -> dict[str, Any]:
        (reply,) = await self.burst(miner, [order.pop("fields", {"logic_question": "2+2?"})], **order)
        return reply


@pytest.fixture(scope="module")
def dendrites(network: Network, dendrite_python: Path) -> Iterator[Dendrites]:
    command = [
        str(dendrite_python),
        str(ROOT / "tests" / "harness" / "dendrite_client.py"),
        str(network.wallets),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        running = Dendrites(process)
        assert running.hear() == {"ready": "10.5.0"}
        yield running
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(START_S) == 0


WORDS = "Which animal is larger, a mouse or an elephant?"
"""What cannot be computed: without a model it takes all of its time."""


@pytest.fixture
def silent_server() -> Iterator[str]:
    """The base URL of a model server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


def challenges(count: int) -> list[dict[str, Any]]:
    return [
        {
            "logic_question": f"What is {number}+1?",
            "category": "Logic",
            "task_uid": f"t-{number}",
            "raw_logic_question": "the question before it was rephrased",
            "ground_truth_answer": str(number + 1),
        }
        for number in range(count)
    ]


async def the_constant() -> tuple[str, str]:
    answer = await ConstantSolver().solve(None, None, None)  # type: ignore[arg-type]  (it looks at nothing)
    return answer.answer, answer.reasoning


async def check_answered(replies: list[dict[str, Any]], fields: list[dict[str, Any]], miner: Miner) -> None:
    """Every reply is a success that carries the miner's answer to its own question, and no truth."""
    answer, reasoning = await the_constant()
    assert [(r["is_success"], r["status_code"], r["message"]) for r in replies if not r["is_success"]] == []
    for asked, reply in zip(fields, replies, strict=True):
        assert reply["status_code"] == 200
        assert (reply["logic_answer"], reply["logic_reasoning"]) == (answer, reasoning)
        assert [reply[name] for name in ("logic_question", "category", "task_uid")] == [
            asked[name] for name in ("logic_question", "category", "task_uid")
        ]
        assert (reply["raw_logic_question"], reply["ground_truth_answer"]) == ("", None)
        assert 0 < float(reply["process_time"]) <= reply["measured_s"]
        assert reply["timeout"] == 64
        assert reply["axon_hotkey"] == miner.network.miner_ss58
        assert reply["dendrite_hotkey"] == miner.network.keys["alice"].ss58_address


async def test_a_dendrite_alone_is_answered(miner: StartMiner, dendrites: Dendrites) -> None:
    running = miner(*CONSTANT)
    informed = await dendrites.ask(running, synapse="Information", fields={"request_dict": {"ask": "volume"}})
    assert (informed["is_success"], informed["status_code"]) == (True, 200)
    assert informed["response_dict"] == INFORMED
    assert 0 < float(informed["process_time"]) <= informed["measured_s"]
    await check_answered(await dendrites.burst(running, challenges(1)), challenges(1), running)


@pytest.mark.parametrize("in_flight", [64, 128])
async def test_a_dendrite_with_many_in_flight_is_answered_each_time(
    miner: StartMiner, dendrites: Dendrites, in_flight: int
) -> None:
    """With so many, nonces arrive out of order; an honest caller is refused for none of them."""
    running = miner(*CONSTANT, *NO_QUOTA)
    for _ in range(3):
        fields = challenges(in_flight)
        await check_answered(await dendrites.burst(running, fields), fields, running)
        informed = await dendrites.burst(running, [{}] * in_flight, synapse="Information")
        assert [reply["status_code"] for reply in informed] == [200] * in_flight
        assert all(reply["is_success"] and reply["response_dict"] == INFORMED for reply in informed)


async def test_a_dendrite_is_answered_by_a_real_model(
    miner: StartMiner, dendrites: Dendrites, vllm: Vllm
) -> None:
    running = miner("--miner.llm_client.base_url", vllm.base_url)
    replies = await dendrites.burst(running, challenges(4))
    assert [(reply["is_success"], reply["message"]) for reply in replies] == [(True, "Success")] * 4
    for asked, reply in zip(challenges(4), replies, strict=True):
        assert reply["logic_answer"].strip()
        assert len(reply["logic_reasoning"].split()) > 3
        assert reply["task_uid"] == asked["task_uid"]
        assert (reply["raw_logic_question"], reply["ground_truth_answer"]) == ("", None)
        assert 0 < float(reply["process_time"]) <= reply["measured_s"]


async def test_a_dendrite_with_64_held_in_flight_hears_all_of_them_in_time(
    miner: StartMiner, dendrites: Dendrites, silent_server: str
) -> None:
    """All wait for a model server that never says a word, until their deadline."""
    running = miner("--miner.llm_client.base_url", silent_server)
    replies = await dendrites.burst(running, challenges(64), timeout_s=8)
    assert [(reply["is_success"], reply["status_code"]) for reply in replies] == [(True, 200)] * 64
    assert [reply["task_uid"] for reply in replies] == [asked["task_uid"] for asked in challenges(64)]
    assert all(reply["logic_answer"] and reply["logic_reasoning"] for reply in replies)


async def test_refusals_reach_a_dendrite_with_status_and_reason(
    miner: StartMiner, dendrites: Dendrites, network: Network
) -> None:
    """Of each kind, and nothing of what the caller wrote comes back in it."""
    running = miner(*CONSTANT, "--miner.epoch_volume", "2", "--miner.over_quota", "refuse")
    other = network.keys["bob"].ss58_address
    refused = {
        401: await dendrites.ask(running, miner_ss58=other),
        403: await dendrites.ask(running, hotkey="stranger"),
        404: await dendrites.ask(running, synapse="Unheard", fields={"question": "2+2?"}),
    }
    unpermitted = await dendrites.ask(running, hotkey="miner")
    given = [await dendrites.ask(running, hotkey="charlie") for _ in range(3)]
    assert [reply["status_code"] for reply in given] == [200, 200, 429]
    refused[429] = given[-1]
    for status, reply in refused.items():
        assert (reply["is_success"], reply["status_code"]) == (False, status)
        assert not reply.get("logic_answer")
        assert len(reply["message"]) > 10
        assert "2+2" not in reply["message"]
    assert "not registered" in refused[403]["message"]
    assert "LogicSynapse" in refused[404]["message"]
    assert "quota of 2" in refused[429]["message"]
    assert (unpermitted["status_code"], "permit" in unpermitted["message"]) == (403, True)
    # Whoever is registered may ask what we take.
    assert (await dendrites.ask(running, hotkey="miner", synapse="Information", fields={}))["is_success"]


async def test_a_full_miner_tells_a_dendrite_so(
    miner: StartMiner, dendrites: Dendrites, silent_server: str
) -> None:
    """One place, taken for long, and a queue of higher stakes behind it."""
    running = miner(
        *("--miner.max_in_flight", "1", "--miner.limit_interval", "0.5"),
        *("--miner.llm_client.base_url", silent_server),
    )
    async with running.asked_by("alice") as alice, running.asked_by("bob") as bob:
        asking: list[asyncio.Task[Any]] = []
        async with asyncio.timeout(START_S):
            while not any(task.done() and task.result().status == 503 for task in asking):
                for validator in (alice, bob):
                    asking += [
                        asyncio.create_task(validator.challenge(WORDS, wire="classic")) for _ in range(70)
                    ]
                await asyncio.sleep(0.6)
        reply = await dendrites.ask(running, hotkey="charlie")
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
    assert (reply["is_success"], reply["status_code"]) == (False, 503)
    assert "ask again later" in reply["message"]


def signed(key: Any, path: str, content: dict[str, Any], receiver: str | None) -> dict[str, Any]:
    """A request as bittensor 11 itself signs it, without any of our own helpers."""
    body = json.dumps(content).encode()
    headers = http_auth.sign(key, method="POST", path=path, body=body, receiver_ss58=receiver)
    return {"url": path, "content": body, "headers": headers | {"content-type": "application/json"}}


async def test_btauth_requests_are_answered_alone_and_many_at_once(miner: StartMiner) -> None:
    running = miner(*CONSTANT, *NO_QUOTA)
    receiver, alice = running.network.miner_ss58, running.network.keys["alice"]
    answer, reasoning = await the_constant()
    async with httpx2.AsyncClient(base_url=running.url, trust_env=False, timeout=30) as http:
        informed = await http.post(**signed(alice, "/Information", {}, receiver))
        assert (informed.status_code, informed.json()["response_dict"]) == (200, INFORMED)
        for fields in (challenges(1), challenges(64), challenges(64)):
            replies = await asyncio.gather(
                *(http.post(**signed(alice, "/LogicSynapse", asked, receiver)) for asked in fields)
            )
            assert [reply.status_code for reply in replies] == [200] * len(fields)
            for asked, reply in zip(fields, replies, strict=True):
                got = reply.json()
                assert (got["logic_answer"], got["logic_reasoning"]) == (answer, reasoning)
                assert (got["task_uid"], got["logic_question"]) == (
                    asked["task_uid"],
                    asked["logic_question"],
                )
                assert asked["ground_truth_answer"] not in (
                    got.get("ground_truth_answer"),
                    got["logic_answer"],
                )
                assert asked["raw_logic_question"] not in reply.text


async def test_btauth_requests_that_are_not_for_us_are_refused(miner: StartMiner) -> None:
    running = miner(*CONSTANT)
    keys, receiver = running.network.keys, running.network.miner_ss58
    question = {"logic_question": "2+2?"}
    good = signed(keys["alice"], "/LogicSynapse", question, receiver)
    other_body = good | {"content": json.dumps({"logic_question": "3+3?"}).encode()}
    refused = [
        (signed(keys["alice"], "/LogicSynapse", question, keys["bob"].ss58_address), {401, 403}),
        (signed(keys["alice"], "/LogicSynapse", question, None), {401, 403}),
        (signed(keys["alice"], "/Information", question, receiver) | {"url": "/LogicSynapse"}, {401}),
        (other_body, {401}),
        (signed(keys["stranger"], "/LogicSynapse", question, receiver), {403}),
        (signed(keys["miner"], "/LogicSynapse", question, receiver), {403}),
    ]
    async with httpx2.AsyncClient(base_url=running.url, trust_env=False, timeout=30) as http:
        for request, statuses in refused:
            reply = await http.post(**request)
            assert reply.status_code in statuses
            assert reply.json()["message"]
        assert (await http.post(**good)).status_code == 200
        assert (await http.post(**good)).status_code == 401, "the same request again"
