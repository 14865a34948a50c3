import asyncio
import json
import time
from contextlib import suppress
from typing import Any

import pytest
from loguru import logger

from logicnet.axon import Admission, http
from logicnet.chain import Metagraph
from logicnet.deadline import Deadline
from logicnet.errors import Reason
from logicnet.events import Admitted, Announced, Answered, HungUp, NonceAccepted, Refused
from logicnet.protocol import Answer, Challenge, Wire
from logicnet.solver.answering import Solution
from tests.harness.axon import (
    FIELDS,
    MINER,
    RIVAL,
    SOLUTION,
    STRANGER,
    VALIDATOR,
    Clock,
    Room,
    btauth_headers,
    pairs,
)
from tests.harness.manual_time import ManualTime
from tests.harness.said import listening

SECRET = "the truth that a miner must not read"

PATIENCE_S = 60.0
"""For what should come at once, on a machine that has other things to do."""

both_wires = pytest.mark.parametrize("wire", ["classic", "btauth"])


@both_wires
class TestAnswered:
    async def test_a_challenge_is_answered(self, wire: Wire) -> None:
        room = Room()
        got = await room.ask(wire)
        assert got.status == 200
        assert got.headers["content-type"] == "application/json"
        assert got.json["logic_answer"] == "9"
        assert got.json["logic_reasoning"] == SOLUTION.answer.reasoning
        assert [challenge for challenge, _ in room.solved] == [
            Challenge(FIELDS["logic_question"], "Logic", "t1", stake=50_000.0)
        ]

    async def test_information_is_answered_to_any_registered_caller(self, wire: Wire) -> None:
        room = Room(epoch_volume=50)
        for keypair in (VALIDATOR, RIVAL):
            got = await room.ask(
                wire, synapse="Information", keypair=keypair, fields={"request_dict": {"a": 1}}
            )
            assert got.status == 200
            assert got.json["response_dict"] == {"epoch_volume": 50, "category": "Logic"}
        (announced,) = room.happened(Announced)
        assert announced.epoch.validator == VALIDATOR.ss58_address
        assert announced.epoch.announced == 50

    async def test_what_happened_is_told(self, wire: Wire) -> None:
        room = Room()
        await room.ask(wire)
        nonce, admitted, answered = room.events
        assert isinstance(nonce, NonceAccepted)
        assert isinstance(admitted, Admitted)
        assert isinstance(answered, Answered)
        assert admitted.validator == answered.validator == VALIDATOR.ss58_address
        assert admitted.challenge_id == answered.challenge_id
        assert admitted.wire == wire
        assert admitted.question == FIELDS["logic_question"]
        assert (admitted.epoch.given, admitted.epoch.refused) == (1, 0)
        assert answered.solver == "scripted"
        assert (answered.outcome, answered.answer) == ("solved", "9")

    async def test_challenges_have_ids_of_their_own(self, wire: Wire) -> None:
        room, other = Room(), Room()
        for one in (room, other):
            for _ in range(3):
                await one.ask(wire)
        ids = {event.challenge_id for one in (room, other) for event in one.happened(Admitted)}
        assert len(ids) == 6

    async def test_the_truth_is_neither_read_nor_returned(self, wire: Wire) -> None:
        room = Room()
        fields = FIELDS | {
            "ground_truth_answer": SECRET,
            "raw_logic_question": SECRET,
            "logic_answer": SECRET,
            "logic_reasoning": SECRET,
        }
        got = await room.ask(wire, fields=fields)
        assert got.status == 200
        assert got.json["ground_truth_answer"] is None
        assert got.json["raw_logic_question"] == ""
        assert SECRET not in got.body.decode()
        assert SECRET not in repr(room.events)
        assert SECRET not in repr(room.solved)

    @pytest.mark.parametrize(
        "fields",
        [
            {"logic_question": "x", "task_uid": 10**30},
            {"logic_question": "\N{PERSON WITH FOLDED HANDS} \\frac{3}{4} \x00 \u2028!"},
            {"logic_question": "x" * 200_000},
        ],
        ids=["number beyond 64 bits", "unicode", "long"],
    )
    async def test_odd_but_legal_fields_come_back(self, wire: Wire, fields: dict[str, Any]) -> None:
        got = await Room().ask(wire, fields=fields)
        assert got.status == 200
        for name, value in fields.items():
            assert json.loads(got.body)[name] == value

    async def test_a_deep_request_dict_comes_back_or_is_refused(self, wire: Wire) -> None:
        for depth in (10, 150, 250, 5000):
            deep = b'{"request_dict": ' + b'{"a": ' * depth + b"1" + b"}" * depth + b"}"
            room = Room()
            if wire == "classic":
                headers, _ = room.request(wire, synapse="Information")
            else:
                headers = btauth_headers(
                    VALIDATOR,
                    synapse="Information",
                    miner_ss58=MINER.ss58_address,
                    body=deep,
                    nonce_ns=room.clock(),
                )
            got = await room.send(headers, deep, path="/Information")
            assert got.status in (200, 422)

    async def test_a_solution_that_is_half_a_surrogate_pair_goes_out(self, wire: Wire) -> None:
        async def solve(challenge: Challenge, deadline: Deadline) -> Solution:
            return Solution(Answer("\ud83d", "\ud83d"), "solved")

        got = await Room(solve=solve).ask(wire)
        assert got.status == 200
        assert json.loads(got.body)["logic_answer"] == "\ud83d"

    async def test_a_body_may_come_in_pieces(self, wire: Wire) -> None:
        room = Room()
        headers, body = room.request(wire)
        got = await room.send(headers, [body[:10], b"", body[10:]])
        assert got.status == 200

    async def test_refused_replays(self, wire: Wire) -> None:
        room = Room()
        headers, body = room.request(wire)
        assert (await room.send(headers, body)).status == 200
        assert (await room.send(headers, body)).status == 401
        assert len(room.solved) == 1


@both_wires
class TestOrder:
    """Cheap checks first, cryptography second, what has an effect last. Each request here is wrong in
    many ways; the first check that fails answers."""

    async def refused(self, room: Room, reason: Reason, *arguments: Any, **send: Any) -> str:
        got = await room.send(*arguments, **send)
        assert (got.status, got.json["reason"]) == (reason.status, reason)
        assert room.solved == []
        assert got.headers["content-type"] == "application/json"
        return got.message

    async def test_path_then_method_then_shape(self, wire: Wire) -> None:
        room = Room()
        headers = {"content-length": "10000000"}
        await self.refused(room, Reason.UNKNOWN_SYNAPSE, headers, path="/Nonsense", method="GET")
        await self.refused(room, Reason.BAD_METHOD, headers, method="GET")
        await self.refused(room, Reason.TOO_LARGE, headers)
        message = await self.refused(room, Reason.NOT_VERIFIED, {})
        assert "X-Bittensor-Signature" in message
        assert "bt_header_dendrite_signature" in message

    async def test_shape_then_known_then_fresh_then_signature(self, wire: Wire) -> None:
        room = Room()
        stale = room.clock() - 10**12
        nonce = {"classic": "bt_header_dendrite_nonce", "btauth": "X-Bittensor-Nonce"}[wire]
        hotkey = {"classic": "bt_header_dendrite_hotkey", "btauth": "X-Bittensor-Hotkey"}[wire]

        headers, _ = room.request(wire, keypair=STRANGER, nonce_ns=stale)
        await self.refused(room, Reason.MALFORMED, headers | {nonce: "x"}, b"no json")
        await self.refused(room, Reason.NOT_REGISTERED, headers, b"no json")
        headers[hotkey] = VALIDATOR.ss58_address
        assert "too old" in await self.refused(room, Reason.NOT_VERIFIED, headers, b"no json")
        headers[nonce] = str(room.clock())
        assert "signature" in await self.refused(room, Reason.NOT_VERIFIED, headers, b"no json")

    async def test_signature_then_permit_then_body(self, wire: Wire) -> None:
        room = Room()
        await self.refused(room, Reason.NOT_PERMITTED, *room.request(wire, keypair=RIVAL, fields={}))
        await self.refused(room, Reason.BAD_BODY, *room.request(wire, fields={}))

    async def test_body_then_capacity_then_quota(self, wire: Wire) -> None:
        async def slow(challenge: Challenge, deadline: Deadline) -> Solution:
            await asyncio.sleep(60)
            return SOLUTION

        room = Room(solve=slow, places=1, waiting=0, epoch_volume=2)
        first = asyncio.create_task(room.ask(wire))
        await room.solving()
        room.solved.clear()
        await self.refused(room, Reason.BAD_BODY, *room.request(wire, fields={}))
        await self.refused(room, Reason.FULL, *room.request(wire))
        first.cancel()
        await asyncio.wait((first,))
        assert [event.epoch.given for event in room.happened(Admitted)] == [1]

    async def test_a_stranger_costs_no_cryptography(
        self, wire: Wire, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        room = Room()

        def verify(*arguments: object, **named: object) -> bool:
            raise AssertionError("a signature was verified")

        monkeypatch.setattr("bittensor.sp_core.verify", verify)
        monkeypatch.setattr("bittensor.http_auth._sp_core_verify", verify)
        await self.refused(room, Reason.NOT_REGISTERED, *room.request(wire, keypair=STRANGER))
        stale = room.clock() - 10**12
        await self.refused(room, Reason.NOT_VERIFIED, *room.request(wire, nonce_ns=stale))

    async def test_a_forgery_uses_up_no_nonce(self, wire: Wire) -> None:
        room = Room()
        headers, body = room.request(wire)
        signature = {"classic": "bt_header_dendrite_signature", "btauth": "X-Bittensor-Signature"}[wire]
        forged = headers | {signature: "0x" + "ab" * 64}
        await self.refused(room, Reason.NOT_VERIFIED, forged, body)
        assert (await room.send(headers, body)).status == 200


class TestRefused:
    async def test_the_quota_ends_and_says_when_it_begins_anew(self) -> None:
        room = Room(epoch_volume=3)
        assert [(await room.ask()).status for _ in range(4)] == [200, 200, 200, 429]
        room.clock.pass_s(100)
        got = await room.ask()
        assert got.status == 429
        assert got.headers["retry-after"] == "500"
        assert len(room.solved) == 3
        refused = room.happened(Refused)
        assert [(event.reason, event.validator) for event in refused] == [
            (Reason.OVER_QUOTA, VALIDATOR.ss58_address)
        ] * 2
        assert [event.epoch.refused for event in refused] == [1, 2]
        room.clock.pass_s(601)
        assert (await room.ask()).status == 200

    async def test_a_refusal_names_nobody_whose_signature_is_not_verified(self) -> None:
        room = Room()
        headers, body = room.request()
        await room.send(headers | {"bt_header_dendrite_signature": "0x" + "ab" * 64}, body)
        (refused,) = room.happened(Refused)
        assert refused.reason is Reason.NOT_VERIFIED
        assert refused.validator is None
        assert refused.epoch is None

    async def test_without_a_metagraph_nobody_is_admitted(self) -> None:
        got = await Room(network=lambda: None).ask()
        assert got.status == 503
        assert got.json["reason"] == "no_metagraph"
        assert int(got.headers["retry-after"]) > 0

    async def test_a_check_that_breaks_admits_nobody_and_tells_nothing(self) -> None:
        def broken() -> Metagraph:
            raise RuntimeError(SECRET)

        logged: list[str] = []
        handler = logger.add(logged.append, format="{message}")
        room = Room(network=broken)
        got = await room.ask()
        logger.remove(handler)
        assert got.status == 500
        assert got.json["reason"] == "broken"
        assert room.solved == []
        assert [event.reason for event in room.happened(Refused)] == [Reason.BROKEN]
        (line,) = logged
        assert "RuntimeError" in line
        assert "broken (test_app.py" in line
        assert SECRET not in line + got.body.decode() + repr(room.events)

    @pytest.mark.parametrize("broken", ["sink", "refuse", "inform", "take"])
    async def test_whatever_breaks_the_reply_is_json(
        self, broken: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def breaks(*arguments: object) -> None:
            raise RuntimeError(SECRET)

        room = Room(epoch_volume=2, sink=breaks) if broken == "sink" else Room(epoch_volume=2)
        if broken != "sink":
            monkeypatch.setattr(Admission, broken, breaks)
        requests: dict[str, dict[str, Any]] = {
            "refuse": {"fields": {}},
            "inform": {"synapse": "Information"},
        }
        request = requests.get(broken, {})
        got = await room.ask(**request)
        assert (got.status, got.json["reason"]) == (500, "broken")
        assert SECRET not in got.body.decode()
        assert room.solved == []

    async def test_nothing_of_the_callers_is_echoed(self) -> None:
        room = Room()
        headers, _ = room.request()
        for spoiled in (
            (headers, SECRET.encode()),
            (headers | {"bt_header_dendrite_uuid": SECRET}, b""),
            (headers | {"bt_header_dendrite_hotkey": SECRET}, b""),
            (headers | {"timeout": SECRET}, b""),
            (headers | {"computed_body_hash": SECRET}, b""),
            (headers, json.dumps({"logic_question": {SECRET: 1}, SECRET: 1}).encode()),
        ):
            got = await room.send(*spoiled)
            assert 400 <= got.status < 500
            assert SECRET not in got.body.decode()
        assert SECRET not in repr(room.events)

    @pytest.mark.parametrize(
        "name", [b"bt_header_dendrite_nonce", b"bt_header_dendrite_signature", b"timeout", b"content-length"]
    )
    async def test_a_doubled_header_is_named(self, name: bytes) -> None:
        room = Room()
        headers, body = room.request()
        doubled = [*pairs(headers | {"content-length": str(len(body))})]
        doubled += [pair for pair in doubled if pair[0] == name]
        got = await room.send(doubled, body)
        assert got.status == 400
        assert f"Header {name.decode()} is given more than once" in got.message

    async def test_other_headers_may_be_doubled(self) -> None:
        room = Room()
        headers, body = room.request()
        doubled = [*pairs(headers), (b"accept", b"a"), (b"accept", b"b"), (b"x-forwarded-for", b"\xff")]
        assert (await room.send(doubled, body)).status == 200

    @pytest.mark.parametrize("length", ["x", "-1", "1e3", "9" * 30])
    async def test_a_content_length_that_is_no_length_is_refused(self, length: str) -> None:
        room = Room()
        headers, body = room.request()
        got = await room.send(headers | {"content-length": length}, body)
        assert got.status == 400

    async def test_too_large_a_body_is_refused_before_and_while_it_comes(self) -> None:
        room = Room()
        headers, _ = room.request()
        got = await room.send(headers | {"content-length": str(http.MOST_BYTES + 1)}, b"")
        assert got.status == 413
        got = await room.send(room.request()[0], [b" " * 1000] * (http.MOST_BYTES // 1000 + 1))
        assert got.status == 413
        assert room.solved == []

    async def test_a_body_that_does_not_come_is_not_waited_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http, "READ_S", 0.05)
        monkeypatch.setattr(http, "_DRAIN_S", 0.05)
        room = Room()
        waiting = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await waiting.wait()
            return {"type": "http.disconnect"}

        headers, _ = room.request()
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/LogicSynapse", "headers": pairs(headers)}
        await room.app(scope, receive, send)
        assert sent[0]["status"] == 408
        assert (b"connection", b"close") in sent[0]["headers"]

    async def test_a_stranger_is_hung_up_on_and_a_validator_is_not(self) -> None:
        room = Room()
        assert (await room.ask(keypair=STRANGER)).headers["connection"] == "close"
        assert "connection" not in (await room.ask(fields={})).headers
        assert "connection" not in (await room.ask()).headers

    async def test_who_asks_before_sending_a_body_is_told_without_it(self) -> None:
        room = Room()
        headers, _ = room.request(keypair=STRANGER)
        read: list[str] = []

        async def receive() -> dict[str, Any]:
            read.append("body")  # this is where a server says 100 Continue
            return {"type": "http.request", "body": b"", "more_body": False}

        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/LogicSynapse",
            "headers": pairs(headers | {"expect": "100-continue"}),
        }
        await room.app(scope, receive, send)
        assert sent[0]["status"] == 403
        assert read == []


class TestTime:
    async def allowed_s(self, room: Room, **request: Any) -> float:
        got = await room.ask(**request)
        assert got.status == 200, got.body
        return float(room.solved[-1][1].total_s())

    @both_wires
    async def test_the_deadline_is_the_callers_timeout_less_a_margin(self, wire: Wire) -> None:
        room = Room()
        for timeout_s in (64, 12.0, 5, 0.5):
            expected = timeout_s - room.margin.seconds(timeout_s)
            assert await self.allowed_s(room, wire=wire, timeout_s=timeout_s) == pytest.approx(
                expected, abs=1e-3
            )
        assert await self.allowed_s(room, wire=wire, timeout_s=600) == pytest.approx(63, abs=1e-3)

    @pytest.mark.parametrize(("age_s", "lost_s"), [(0.5, 0.5), (3.0, 3.0), (60.0, 4.0), (-1.5, 0.0)])
    async def test_time_on_the_way_is_the_callers_and_bounded(self, age_s: float, lost_s: float) -> None:
        room = Room()
        nonce_ns = room.clock() - int(age_s * 1e9)
        assert await self.allowed_s(room, nonce_ns=nonce_ns) == pytest.approx(63 - lost_s, abs=1e-3)

    async def test_a_clock_that_lags_leaves_half_of_a_short_timeout(self) -> None:
        room = Room()
        nonce_ns = room.clock() - 3 * 10**9
        allowed_s = await self.allowed_s(room, nonce_ns=nonce_ns, timeout_s=2)
        assert allowed_s == pytest.approx(1 - room.margin.seconds(2), abs=1e-3)

    async def test_an_old_clients_counter_says_nothing_of_its_age(self) -> None:
        room = Room(allow_counters=True)
        headers, body = room.request(nonce_ns=5)
        got = await room.send(headers | {"bt_header_dendrite_version": "7001000"}, body)
        assert got.status == 200
        assert room.solved[0][1].total_s() == pytest.approx(63, abs=1e-3)

    async def test_time_starts_at_receipt_not_when_the_body_is_there(self) -> None:
        time = ManualTime()
        room = Room(clock=time.clock)
        headers, body = room.request()
        slow = asyncio.Event()
        pieces: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if pieces:
                await time.advance(2.0)
                return pieces.pop()
            await slow.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            pass

        scope = {"type": "http", "method": "POST", "path": "/LogicSynapse", "headers": pairs(headers)}
        await room.app(scope, receive, send)
        assert room.solved[0][1].elapsed_s() == 2.0

    async def test_a_late_reply_makes_the_next_margin_longer(self) -> None:
        deaf = Deaf()
        room = Room(solve=deaf)
        before_s = room.margin.seconds(64)
        await room.ask(timeout_s=0.1)
        assert room.margin.seconds(64) > before_s
        await deaf.release()


class Deaf:
    """A solver that ignores its deadline, and being cancelled, until it is released (or a minute has
    passed, so that a test that fails ends)."""

    def __init__(self) -> None:
        self.released = False
        self.stopped = asyncio.Event()

    async def __call__(self, challenge: Challenge, deadline: Deadline) -> Solution:
        end_s = time.monotonic() + PATIENCE_S
        while not self.released and time.monotonic() < end_s:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)
        self.stopped.set()
        return SOLUTION

    async def release(self) -> None:
        self.released = True
        await self.stopped.wait()


class TestNeverSilent:
    @both_wires
    async def test_a_solver_that_ignores_everything_does_not_hold_the_reply(self, wire: Wire) -> None:
        deaf = Deaf()
        room = Room(solve=deaf)
        got = await asyncio.wait_for(room.ask(wire, timeout_s=0.1), PATIENCE_S)
        assert got.status == 200
        assert got.json["logic_answer"]
        assert [event.outcome for event in room.happened(Answered)] == ["late"]
        await deaf.release()

    @both_wires
    async def test_a_reply_after_its_deadline_is_never_called_solved(self, wire: Wire) -> None:
        now_s = 1000.0

        async def held(challenge: Challenge, deadline: Deadline) -> Solution:
            nonlocal now_s
            now_s += deadline.total_s() + 1.0  # the event loop stood still
            return SOLUTION

        room = Room(solve=held, clock=lambda: now_s)
        got = await room.ask(wire)
        assert (got.status, got.json["logic_answer"]) == (200, SOLUTION.answer.answer)
        (answered,) = room.happened(Answered)
        (admitted,) = room.happened(Admitted)
        assert answered.seconds > admitted.allowed_s
        assert (answered.outcome, answered.error) == ("late", "the answer came 1.00 s after the deadline")

    async def test_a_solver_that_breaks_is_answered_for(self) -> None:
        async def broken(challenge: Challenge, deadline: Deadline) -> Solution:
            raise RuntimeError(SECRET)

        room = Room(solve=broken)
        got = await room.ask()
        assert got.status == 200
        (answered,) = room.happened(Answered)
        assert (answered.outcome, answered.error) == ("failed", "RuntimeError")
        assert SECRET not in got.body.decode()

    async def test_a_solver_that_cancels_itself_is_answered_for(self) -> None:
        async def quitter(challenge: Challenge, deadline: Deadline) -> Solution:
            raise asyncio.CancelledError

        room = Room(solve=quitter)
        assert (await room.ask()).status == 200
        assert [event.outcome for event in room.happened(Answered)] == ["failed"]

    @pytest.mark.own_time
    async def test_a_solver_that_fails_frees_its_slot(self) -> None:
        async def solve(challenge: Challenge, deadline: Deadline) -> Solution:
            raise RuntimeError

        room = Room(solve=solve, places=1, waiting=0)
        assert [(await room.ask()).status for _ in range(2)] == [200, 200]

    async def test_a_challenge_that_gets_no_slot_in_time_is_answered(self) -> None:
        done = asyncio.Event()

        async def slow(challenge: Challenge, deadline: Deadline) -> Solution:
            await done.wait()
            return SOLUTION

        room = Room(solve=slow, places=1, clock=asyncio.get_running_loop().time)
        first = asyncio.create_task(room.ask())
        await room.solving()
        got = await room.ask(timeout_s=0.1)
        assert got.status == 200
        done.set()
        assert (await first).status == 200
        assert [event.outcome for event in room.happened(Answered)] == ["waited", "solved"]


class TestHangingUp:
    async def test_a_caller_who_hangs_up_cancels_the_solver(self) -> None:
        cancelled = asyncio.Event()

        async def solve(challenge: Challenge, deadline: Deadline) -> Solution:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.set()
                raise
            return SOLUTION

        room = Room(solve=solve, places=1)
        hang_up = asyncio.Event()
        asking = asyncio.create_task(room.send(*room.request(), hang_up=hang_up))
        await room.solving()
        hang_up.set()
        assert (await asyncio.wait_for(asking, PATIENCE_S)).status == 0
        await asyncio.wait_for(cancelled.wait(), PATIENCE_S)
        (hung_up,) = room.happened(HungUp)
        (admitted,) = room.happened(Admitted)
        assert (hung_up.challenge_id, hung_up.validator) == (admitted.challenge_id, VALIDATOR.ss58_address)
        assert room.happened(Answered) == []
        assert room.happened(Refused) == []

    async def test_its_slot_is_free_again(self) -> None:
        left = asyncio.Event()

        async def solve(challenge: Challenge, deadline: Deadline) -> Solution:
            if challenge.task_uid == "long":
                try:
                    await asyncio.Event().wait()
                finally:
                    left.set()
            return SOLUTION

        room = Room(solve=solve, places=1, waiting=0)
        hang_up = asyncio.Event()
        request = room.request(fields=FIELDS | {"task_uid": "long"})
        asking = asyncio.create_task(room.send(*request, hang_up=hang_up))
        await room.solving()
        assert (await room.ask()).status == 503
        hang_up.set()
        await asking
        await asyncio.wait_for(left.wait(), PATIENCE_S)
        assert (await room.ask()).status == 200

    async def test_hanging_up_on_a_deaf_solver_is_not_waited_for(self) -> None:
        deaf = Deaf()
        room = Room(solve=deaf)
        hang_up = asyncio.Event()
        asking = asyncio.create_task(room.send(*room.request(), hang_up=hang_up))
        await room.solving()
        hang_up.set()
        await asyncio.wait_for(asking, PATIENCE_S)
        assert len(room.happened(HungUp)) == 1
        await deaf.release()

    @both_wires
    async def test_hanging_up_in_the_middle_of_the_body_tells_nobody(self, wire: Wire) -> None:
        room = Room()
        headers, _ = room.request(wire)

        async def receive() -> dict[str, Any]:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            raise AssertionError("a reply to nobody")

        scope = {"type": "http", "method": "POST", "path": "/LogicSynapse", "headers": pairs(headers)}
        await room.app(scope, receive, send)
        assert room.solved == []

    async def test_a_server_that_stops_stops_the_solver(self) -> None:
        cancelled = asyncio.Event()

        async def solve(challenge: Challenge, deadline: Deadline) -> Solution:
            try:
                await asyncio.sleep(60)
            finally:
                cancelled.set()
            return SOLUTION

        room = Room(solve=solve)
        asking = asyncio.create_task(room.ask())
        await room.solving()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(cancelled.wait(), PATIENCE_S)


class TestOtherScopes:
    async def test_a_servers_lifespan_is_acknowledged(self) -> None:
        stages = ["lifespan.startup", "lifespan.shutdown"]
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": stages[len(sent)]}

        async def send(message: Any) -> None:
            sent.append(message)

        await Room().app({"type": "lifespan"}, receive, send)
        assert [message["type"] for message in sent] == [f"{stage}.complete" for stage in stages]

    async def test_a_websocket_is_closed(self) -> None:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await Room().app({"type": "websocket"}, receive, send)
        assert [message["type"] for message in sent] == ["websocket.close"]


async def test_what_was_used_before_a_restart_is_refused_after_it() -> None:
    before = Room(allow_counters=True)
    timestamp, counter = before.request(), before.request(nonce_ns=100, timeout_s=60)
    counter[0]["bt_header_dendrite_version"] = "7001000"
    for request in (timestamp, counter):
        assert (await before.send(*request)).status == 200
    restored = {event.caller: event.nonce for event in before.happened(NonceAccepted)}
    # The clock was set back with the restart, so the start alone would not tell them apart.
    after = Room(restored=restored, clock_ns=Clock(before.clock() - 10**9), allow_counters=True)
    for request in (timestamp, counter):
        assert (await after.send(*request)).status == 401


@pytest.mark.parametrize("kind", ["a counter", "a clock that is ahead"])
async def test_what_would_be_good_again_after_a_kill_is_on_disk_before_it_is_served(kind: str) -> None:
    flushed: list[list[str]] = []
    works = True

    def flush() -> bool:
        flushed.append([type(event).__name__ for event in room.events])
        return works

    room = Room(flush=flush, allow_counters=True)
    assert (await room.ask()).status == 200
    assert flushed == []  # an honest timestamp is older than any restart

    def request() -> tuple[dict[str, str], bytes]:
        room.clock.now_ns += 1
        if kind == "a counter":
            headers, body = room.request(nonce_ns=room.clock() % 10**17)
            return headers | {"bt_header_dendrite_version": "7001000"}, body
        return room.request(nonce_ns=room.clock() + 30 * 10**9)

    room.events.clear()
    assert (await room.send(*request())).status == 200
    assert flushed == [["NonceAccepted"]]
    works = False
    got = await room.send(*request())
    assert got.status == 401
    assert "cannot be recorded" in got.message
    assert len(room.solved) == 2


async def test_a_clock_that_is_ahead_is_said_once() -> None:
    room = Room()
    with listening() as said:
        for _ in range(3):
            room.clock.now_ns += 1
            headers, body = room.request(nonce_ns=room.clock() + 5 * 10**9)
            assert (await room.send(headers, body)).status == 200
    assert len(said) == 1
    assert "5.0 s ahead" in said[0]
    assert VALIDATOR.ss58_address in said[0]
