"""Several scripted servers as one, over real HTTP: they die, hang, stutter and come back under the calls."""

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from logicnet.llm import (
    Completion,
    EndpointStatus,
    How,
    Limit,
    Message,
    Models,
    Pool,
    Spec,
    Spending,
    health,
    pool,
)
from logicnet.llm._call import Call
from tests.harness.own_time import after
from tests.harness.said import listening
from tests.harness.scripted_model import STEPS, Json, Mode, ScriptedModel

pytestmark = pytest.mark.own_time

QUESTION = [Message("user", "How many clips did Natalia sell?")]
WORDS = len(STEPS.split())
PAID = Limit(100_000)
SET_ASIDE = 156  # tokens for a call: 56 of the prompt, estimated, and 100 that it may write


@pytest.fixture(autouse=True)
def probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Soon and often, so that tests are quick."""
    importlib.import_module("openai")  # not within the first call's patience
    monkeypatch.setattr(pool, "_PROBE_AGAIN_S", 0.05)
    monkeypatch.setattr(pool, "_MOST_BETWEEN_S", 0.2)
    monkeypatch.setattr(pool, "_SAY_AGAIN_S", 0.0)
    monkeypatch.setattr(pool, "_LOOK_S", 0.02)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For those that are silent."""
    monkeypatch.setattr(health, "_LEAST_S", 0.4)
    monkeypatch.setattr(health, "_UNKNOWN_S", 0.5)
    monkeypatch.setattr(health, "_UNSEEN_S", 1.0)


def of(server: ScriptedModel, **more: Any) -> Spec:
    return Spec(server.base_url, **more)


@asynccontextmanager
async def servers(count: int, **script: Any) -> AsyncIterator[list[ScriptedModel]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(ScriptedModel(**script)) for _ in range(count)]


@asynccontextmanager
async def opened(*specs: Spec, spending: Spending | None = None) -> AsyncIterator[Pool]:
    """A pool that has looked at its servers once, and counts from there."""
    made = Pool(specs, spending, asyncio.get_running_loop().time)
    try:
        yield made
    finally:
        await made.close()


async def ask(models: Models, seconds: float = 10.0, **more: Any) -> Completion:
    arguments: dict[str, Any] = {"messages": QUESTION, "max_tokens": 100, **more}
    return await models.complete(deadline=after(seconds), **arguments)


async def until(condition: Any, within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)


def well(models: Pool) -> list[bool]:
    return [one.well for one in models.status()]


def chats(server: ScriptedModel) -> list[Json]:
    """What it was asked, but for probes."""
    return [body for body in server.chats if body["messages"][0]["content"] != "Hello"]


# --- who is asked


async def test_load_is_shared() -> None:
    async with servers(2, pause_s=0.02) as (a, b), opened(of(a), of(b)) as models:
        done = await asyncio.gather(*(ask(models) for _ in range(20)))
    assert [(one.text, one.finish, one.tokens, one.model) for one in done] == [
        (STEPS, "stop", WORDS, "scripted")
    ] * 20
    assert 7 <= len(chats(a)) <= 13 and len(chats(a)) + len(chats(b)) == 20


@pytest.mark.thorough
async def test_the_faster_gets_more() -> None:
    async with servers(2) as (a, b), opened(of(a), of(b)) as models:
        a.pause_s, b.pause_s = 0.01, 0.08
        await asyncio.gather(*(ask(models) for _ in range(8)))
        await asyncio.gather(*(ask(models) for _ in range(24)))
        fast, slow = models.status()
    assert fast.tokens_per_s and slow.tokens_per_s and fast.tokens_per_s > 2 * slow.tokens_per_s
    assert len(chats(a)) > 1.5 * len(chats(b)) > 0


@pytest.mark.thorough
async def test_weight_and_places_are_kept_to() -> None:
    async with servers(2, pause_s=0.03) as (a, b):
        async with opened(of(a, weight=5.0), of(b)) as models:
            await asyncio.gather(*(ask(models) for _ in range(12)))
        assert len(chats(a)) > 2 * len(chats(b))
    most = 0
    async with servers(1, pause_s=0.02) as [a], opened(of(a, most_calls=2)) as models:
        calls = [asyncio.create_task(ask(models)) for _ in range(6)]
        while not all(call.done() for call in calls):
            most = max(most, models.status()[0].calls)
            await asyncio.sleep(0.005)
        assert [call.result().finish for call in calls] == ["stop"] * 6
    assert most == 2


async def test_status_of_each_endpoint() -> None:
    async with servers(2, pause_s=0.05) as (a, b):
        b.key = "sk-other"
        async with opened(of(a, model="scripted"), of(b, limit=PAID)) as models:
            began_s = models.clock()
            models.start()
            call = asyncio.create_task(ask(models))
            await until(lambda: well(models) == [True, False])
            await until(lambda: models.status()[0].calls == 1)
            first, second = models.status()
            assert first == EndpointStatus(f"{a.base_url} scripted", True, "", 1, None, False, 0.0)
            assert "refuses the key (401)" in second.why and second.paid
            assert second.out_s <= models.clock() - began_s
            await until(lambda: models.status()[1].out_s > second.out_s)
            await call
            assert models.status()[0].calls == 0
            assert models.status()[0].tokens_per_s is not None


def test_one_name_for_each() -> None:
    made = Pool([Spec("http://a/v1"), Spec("http://a/v1", "m"), Spec("http://a/v1", "m")])
    assert [one.name for one in made.status()] == ["http://a/v1", "http://a/v1 m", "http://a/v1 m #2"]


# --- those that break


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("mode", [mode for mode in Mode if mode not in (Mode.NORMAL, Mode.TRICKLE)])
async def test_however_one_breaks_the_other_answers(mode: Mode) -> None:
    heard: list[str] = []
    async with servers(2) as (a, b), opened(of(a, weight=1000.0), of(b)) as models:
        a.mode = mode
        done = await ask(models, on_text=heard.append)
    assert (done.finish, done.error) == ("stop", "")
    assert done.text.startswith("Half of ") and done.text.endswith(STEPS[8:])
    if mode is not Mode.GARBAGE_SHAPES:  # that one's words are all there
        assert chats(b)
    assert "".join(heard) == done.text


async def test_what_was_written_is_gone_on_with() -> None:
    async with servers(2) as (a, b), opened(of(a, weight=1000.0), of(b)) as models:
        a.mode = Mode.DROP
        b.text = "48 is 24. So 72."
        done = await ask(models, max_tokens=50)
    assert done.text == "Half of 48 is 24. So 72."
    [asked] = chats(b)
    assert asked["messages"][-1] == {"role": "assistant", "content": "Half of "}
    assert asked["continue_final_message"] and asked["max_tokens"] == 48
    assert done.tokens == 2 + 5


async def test_what_the_asker_began_stays_its_beginning() -> None:
    began = [*QUESTION, Message("assistant", "So:")]
    async with servers(2) as (a, b), opened(of(a, weight=1000.0), of(b)) as models:
        a.mode = Mode.DROP
        b.text = "the rest"
        done = await ask(models, messages=began)
    assert done.text == "Half of the rest"
    assert chats(b)[0]["messages"][-1]["content"] == "So:Half of "


@pytest.mark.usefixtures("impatient")
async def test_thinking_and_a_regex_are_begun_anew() -> None:
    async with servers(2) as (a, b), opened(of(a, weight=1000.0), of(b)) as models:
        a.thinking, a.mode = "I wonder whether this ends", Mode.HANG_IN_TEXT
        done = await ask(models)
        assert done.text == STEPS
        assert [message["role"] for message in chats(b)[0]["messages"]] == ["user"]
    async with servers(2) as (a, b), opened(of(a, weight=1000.0), of(b)) as models:
        a.mode, b.text = Mode.HANG_IN_TEXT, "72"
        done = await ask(models, regex="[0-9]+")
        assert (done.text, done.finish) == ("72", "stop")
        assert [message["role"] for message in chats(b)[0]["messages"]] == ["user"]


async def test_a_request_that_one_refuses_goes_to_another_and_neither_is_out() -> None:
    async with servers(2) as (a, b), opened(of(a, weight=1000.0), of(b)) as models:
        a.refuses = frozenset({"messages"})
        assert (await ask(models)).finish == "stop"
        assert well(models) == [True, True] or "400" in models.status()[0].why


@pytest.mark.usefixtures("impatient")
async def test_a_late_first_word_is_hedged_and_the_loser_stops() -> None:
    async with servers(2) as (a, b), opened(of(a, weight=1000.0), of(b)) as models:
        await ask(models)
        a.mode = Mode.HANG_BEFORE_HEADERS
        done = await ask(models)
        assert (done.text, done.finish) == (STEPS, "stop")
        assert done.seconds < 5
        async with asyncio.timeout(5):
            while a.hung_up < 1:
                await asyncio.sleep(0.005)


@pytest.mark.thorough
@pytest.mark.usefixtures("impatient")
async def test_calls_leave_a_server_that_is_out_at_once() -> None:
    """One finds it silent; the others do not wait out their own patience."""
    async with servers(2, pause_s=0.05) as (a, b), opened(of(a), of(b)) as models:
        models.start()
        await until(lambda: a.chats and b.chats)
        a.mode = Mode.HANG_AFTER_HEADERS
        with listening() as lines:
            done = await asyncio.gather(*(ask(models, 20.0) for _ in range(30)))
        assert [(one.text, one.finish) for one in done] == [(STEPS, "stop")] * 30
        assert [line for line in lines if "wrote nothing for" in line] != []
        assert any(line.endswith("1 of 2 are left.") for line in lines)
        assert max(one.seconds for one in done) < 10


async def test_one_that_comes_back_is_used_again() -> None:
    async with servers(1) as [b]:
        a = ScriptedModel()
        async with a:
            pass  # has a port now, and nobody on it
        with listening() as lines:
            async with opened(of(a), of(b)) as models:
                assert (await ask(models)).finish == "stop"
                await until(lambda: well(models) == [False, True])
                async with a:
                    await until(lambda: well(models) == [True, True])
                    await asyncio.gather(*(ask(models) for _ in range(10)))
                    assert chats(a)
    assert any("cannot be reached" in line and "1 of 2 are left" in line for line in lines)
    assert any(line == f"INFO The model server at 127.0.0.1:{a.port} answers (again)." for line in lines)


async def test_none_is_left_and_each_says_so_at_once() -> None:
    async with servers(2) as (a, b):
        pass
    async with opened(of(a), of(b)) as models:
        done = await ask(models, 30.0)
        assert (done.finish, done.text) == ("failed", "")
        assert "cannot be reached" in done.error
        assert done.seconds < 10
    assert all("127.0.0.1" in one.why for one in models.status())


@pytest.mark.thorough
@pytest.mark.usefixtures("impatient")
async def test_time_is_up_wherever_the_text_is() -> None:
    async with servers(2) as (a, b), opened(of(a), of(b)) as models:
        a.mode = b.mode = Mode.HANG_IN_TEXT
        done = await ask(models, 1.0)
        assert done.finish == "deadline"
        assert done.text.startswith("Half of ")
        assert done.seconds < 3


async def test_cancelling_stops_it_everywhere() -> None:
    async with servers(2, mode=Mode.HANG_IN_TEXT) as (a, b), opened(of(a), of(b)) as models:
        begun = asyncio.Event()
        call = asyncio.create_task(ask(models, 60.0, on_text=lambda _: begun.set()))
        await begun.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        async with asyncio.timeout(5):
            while any(chats(one) and one.hung_up < 1 for one in (a, b)):
                await asyncio.sleep(0.005)


async def test_what_the_solver_raises_is_its_own() -> None:
    def refuse(_: str) -> None:
        raise TimeoutError("the solver's")

    async with servers(2) as (a, b), opened(of(a), of(b)) as models:
        with pytest.raises(TimeoutError, match="the solver's"):
            await ask(models, on_text=refuse)


async def test_few_calls_are_asked_for_twice_while_all_are_well() -> None:
    """Slow for everybody: a second request for each would make it slower yet."""
    async with servers(2) as (a, b), opened(of(a), of(b)) as models:
        how: How = {"max_tokens": 5}
        calls = [Call(models, QUESTION, after(10), how) for _ in range(40)]
        models._calls |= set(calls)
        twice = 0
        while (member := models.choose(calls[twice], rival=True)) is not None:
            models.began(calls[twice], member, True)
            twice += 1
        assert twice == 4
        assert models.choose(calls[-1], rival=False) is not None, "of those at a server that is out, all"


async def test_a_router_is_asked_again_for_what_it_lost() -> None:
    async with servers(1) as [router], opened(of(router, router=True)) as models:
        router.mode = lambda number: (Mode.DROP, Mode.ERROR_500, Mode.NORMAL)[min(number, 2)]
        router.text = lambda body: STEPS[8:] if body["messages"][-1]["role"] == "assistant" else STEPS
        assert models._members[0].spec.router
        while True:  # a probe may have taken one of them
            router.chats.clear()
            done = await ask(models)
            assert done.finish == "stop"
            if len(chats(router)) > 1:
                break
        assert done.text == STEPS


@pytest.mark.usefixtures("impatient")
async def test_a_router_is_asked_twice_where_one_engine_is_silent() -> None:
    async with servers(1) as [router], opened(of(router, router=True)) as models:
        assert (await ask(models)).finish == "stop"
        stuck = iter([True])
        router.mode = lambda _: Mode.HANG_BEFORE_HEADERS if next(stuck, False) else Mode.NORMAL
        assert (await ask(models)).text == STEPS


async def test_a_server_that_went_and_came_while_it_was_looked_at_is_not_waited_for_in_circles() -> None:
    async with servers(1) as [a], opened(of(a)) as models:
        [member] = models._members
        models.start()
        member.out("the model server is tried")
        member.health.answered(float("inf"))  # before its watcher had a turn
        async with asyncio.timeout(5):
            assert (await ask(models)).finish == "stop"


# --- those that cost money


@pytest.mark.thorough
async def test_a_paid_one_is_asked_only_when_no_other_is_well() -> None:
    async with servers(2, pause_s=0.01) as (free, dear), opened(of(free), of(dear, limit=PAID)) as models:
        await asyncio.gather(*(ask(models) for _ in range(10)))
        assert chats(dear) == []
        free.mode = Mode.NOTHING
        await asyncio.gather(*(ask(models) for _ in range(6)))
        assert len(chats(dear)) >= 6
        spent = models.status()[1].spent
        assert 6 * WORDS < spent < 6 * 200
        await until(lambda: not models.status()[0].well)
        free.mode = Mode.NORMAL
        await until(lambda: models.status()[0].well)
        before = len(chats(dear))
        await ask(models)
        assert len(chats(dear)) == before


async def test_calls_cost_money_where_none_is_well_but_a_paid_one() -> None:
    async with servers(2) as (free, dear), opened(of(free), of(dear, limit=PAID)) as models:
        models.start()
        assert not models.costs()
        free.mode = Mode.NOTHING
        await ask(models)
        await until(models.costs)
        free.mode = Mode.NORMAL
        await until(lambda: not models.costs())
        free.mode = dear.mode = Mode.NOTHING
        while any(well(models)):
            await ask(models)
        assert not models.costs()


@pytest.mark.thorough
async def test_a_paid_one_is_asked_when_half_of_the_time_is_gone_in_silence() -> None:
    async with servers(2) as (free, dear), opened(of(free, most_calls=1), of(dear, limit=PAID)) as models:
        models.start()
        await until(lambda: free.chats and not free.running and dear.chats)
        free.pause_s, free.text = 0.1, 3 * STEPS
        first = asyncio.create_task(ask(models, 30.0))
        await until(lambda: chats(free))
        done = await ask(models, 3.0)
        assert (done.text, done.finish) == (STEPS, "stop")
        assert len(chats(dear)) == 1
        assert (await first).text == 3 * STEPS


@pytest.mark.thorough
async def test_the_limit_of_a_day_is_kept_however_many_ask() -> None:
    async with servers(2, pause_s=0.01) as (free, dear):
        free.mode = Mode.NOTHING
        limit = Limit(700)  # one call sets some 120 aside, and costs some 35
        spending = Spending(None)
        async with opened(of(free), of(dear, limit=limit), spending=spending) as models:
            done = [one for _ in range(4) for one in await asyncio.gather(*(ask(models) for _ in range(10)))]
            served = sum(one.finish == "stop" for one in done)
            assert 5 < served < 25
            assert models.status()[1].spent <= 700
        assert {one.finish for one in done} == {"stop", "failed"}
        assert all(one.error for one in done if one.finish == "failed")


@pytest.mark.parametrize(
    ("script", "costs"),
    [
        ({}, 10 + WORDS),  # by the server's own count
        ({"refuses": frozenset({"stream_options"})}, SET_ASIDE),  # it does not count
        ({"mode": Mode.END_EARLY}, SET_ASIDE),
        ({"mode": Mode.NOTHING}, SET_ASIDE),  # it took the prompt, and dropped the connection
        ({"mode": Mode.ERROR_500}, 0),
    ],
)
async def test_a_price_is_given_back_when_the_server_has_said_what_it_was(
    script: dict[str, Any], costs: int
) -> None:
    spending = Spending(None)
    async with servers(1, **script) as [dear], opened(of(dear, limit=PAID), spending=spending) as models:
        [member] = models._members
        assert member.affords(QUESTION, 100)
        assert spending.spent(member.name) == SET_ASIDE
        await member.complete(QUESTION, deadline=after(10.0), max_tokens=100)
        assert spending.spent(member.name) == costs


async def test_one_that_was_only_slow_is_used_again_with_its_next_word() -> None:
    async with servers(1, pause_s=0.05) as [a], opened(of(a)) as models:
        [member] = models._members
        models.start()
        await until(lambda: member.last_word_s > 0)
        begun = asyncio.Event()
        call = asyncio.create_task(ask(models, on_text=lambda _: begun.set()))
        await begun.wait()
        a.mode = Mode.HANG_BEFORE_HEADERS  # for probes
        member.mute(9.0)
        assert member.health.open
        await until(lambda: not member.health.open)
        assert (await call).text == STEPS


@pytest.mark.thorough
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("broken", [Mode.NOTHING, Mode.HANG_BEFORE_HEADERS])
async def test_servers_that_came_back_are_asked_again_by_a_call_that_both_let_down(broken: Mode) -> None:
    async with servers(2) as (a, b), opened(of(a, weight=1000.0), of(b)) as models:
        a.mode, b.mode = broken, Mode.HANG_BEFORE_HEADERS
        call = asyncio.create_task(ask(models, 3600.0))
        await until(lambda: chats(a) and chats(b))
        a.mode = b.mode = Mode.NORMAL
        assert (await asyncio.wait_for(call, 60)).text == STEPS


@pytest.mark.thorough
@pytest.mark.usefixtures("impatient")
async def test_no_call_is_lost_while_they_die_hang_and_return() -> None:
    async with servers(2, pause_s=0.05) as (a, b), opened(of(a), of(b)) as models:
        models.start()
        await until(lambda: a.chats and b.chats)
        over = asyncio.Event()

        async def asker() -> list[Completion]:
            done = []
            while not over.is_set():
                done.append(await ask(models, 30.0))
            return done

        askers = [asyncio.create_task(asker()) for _ in range(20)]
        for _ in range(2):
            await a.__aexit__(None, None, None)  # all its connections are reset
            await until(lambda: not models.status()[0].well)
            await a.__aenter__()
            await until(lambda: models.status()[0].well)
            b.mode = Mode.HANG_BEFORE_HEADERS
            await until(lambda: not models.status()[1].well)
            b.mode = Mode.NORMAL
            await until(lambda: models.status()[1].well, 20.0)
        over.set()
        done = [one for each in await asyncio.gather(*askers) for one in each]
    assert len(done) > 20
    assert {(one.finish, one.error) for one in done} == {("stop", "")}
    assert all(one.text.endswith("The answer is 72.") for one in done)
