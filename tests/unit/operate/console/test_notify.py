from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from logicnet import cli
from logicnet.errors import SettingsError
from logicnet.operate.console.notify import (
    HELD_S,
    Delivery,
    Receiver,
    ToldFile,
    UntoldChanges,
    notifying,
    receivers,
)
from logicnet.operate.console.snapshot import Alert, Snapshot
from logicnet.operate.console.source import MinerSource
from logicnet.settings import ConsoleSettings, QuietHours
from tests.harness.receiver import JsonReceiver, json_receiver
from tests.harness.said import listening
from tests.unit.operate.console.scenes import NOW_S, scene, state
from tests.unit.operate.console.test_run import settings

SLOW = Alert("warning", "Half of the answers take long.", "Lower it.", "slow")
DOWN = Alert("bad", "The model server a is down.", "Repair it.", "server a")
NOTE = Alert("note", "An earlier ledger was damaged.", "Delete it.", "damaged x")
AWAY = Alert("bad", "No miner can be reached.", "Start it.", "miner")
LEDGER = "/l.sqlite"


@pytest.fixture
def receiver() -> Iterator[JsonReceiver]:
    with json_receiver() as made:
        yield made


def seen(*alerts: Alert) -> tuple[Snapshot, ...]:
    return (Snapshot(NOW_S, LEDGER, miner=state(Path(LEDGER)), alerts=alerts),)


def delivery(receiver: JsonReceiver, folder: Path, quiet: QuietHours | None = None) -> Delivery:
    return Delivery(Receiver(receiver.url, 1), ToldFile(folder / "told"), quiet)


def test_an_alert_is_due_once_when_it_has_lasted_and_once_when_it_has_gone() -> None:
    changes = UntoldChanges({})
    assert changes.due([SLOW, NOTE], 0.0) == []
    (begun,) = changes.due([replace(SLOW, what="Other figures."), NOTE], HELD_S)
    assert (begun.what, begun.kind, begun.ends) == ("Other figures.", "warning", False)
    changes.sent(begun)
    assert changes.due([SLOW], HELD_S + 1) == changes.due([], HELD_S + 2) == []
    (ended,) = changes.due([], 2 * HELD_S + 2)
    assert (ended.key, ended.kind, ended.ends) == ("slow", "success", True)
    changes.sent(ended)
    assert changes.due([], 9 * HELD_S) == []


def test_what_comes_and_goes_at_once_is_never_due() -> None:
    changes = UntoldChanges({})
    for second in range(0, 600, 10):
        assert changes.due([SLOW] if second % 20 else [], float(second)) == []


def test_a_miner_that_is_away_ends_no_other_alert() -> None:
    changes = UntoldChanges({"server a": DOWN.what})
    assert changes.due([AWAY], 0.0) == []
    (message,) = changes.due([AWAY], HELD_S)
    assert message.key == "miner"
    changes.sent(message)
    assert changes.due([], 2 * HELD_S) == []  # and the ends begin to count when the miner is back
    assert [one.key for one in changes.due([], 3 * HELD_S)] == ["server a", "miner"]


@pytest.mark.thorough
def test_a_receiver_takes_each_once_also_after_a_restart(receiver: JsonReceiver, tmp_path: Path) -> None:
    first = delivery(receiver, tmp_path)
    for now_s in (0.0, HELD_S, HELD_S + 10, HELD_S + 20):
        first.step(seen(DOWN), now_s)
    assert [(one["title"], one["type"]) for one in receiver.messages] == [
        ("logicnet 5MinerMi: alert", "failure")
    ]
    assert receiver.messages[0]["message"] == f"{DOWN.what}\n{DOWN.mend}"
    again = delivery(receiver, tmp_path)
    for now_s in (100.0, 100.0 + HELD_S):
        again.step(seen(DOWN), now_s)
    for now_s in (200.0, 200.0 + HELD_S, 290.0):
        again.step(seen(), now_s)
    assert receiver.titles == ["logicnet 5MinerMi: alert", "logicnet 5MinerMi: over"]
    assert receiver.messages[1]["message"] == DOWN.what
    assert "secret-path" not in (tmp_path / "told").read_text()


def test_miners_are_told_apart_and_what_strangers_wrote_is_cut(
    receiver: JsonReceiver, tmp_path: Path
) -> None:
    long = replace(DOWN, what="An error\n\x1b[31m" + "x" * 9000, mend="@everyone: restart it")
    two = Snapshot(NOW_S, "/second.sqlite", alerts=(long,))
    pushes = delivery(receiver, tmp_path)
    for now_s in (0.0, HELD_S, HELD_S + 10):
        pushes.step((*seen(DOWN), two), now_s)
    assert receiver.titles == ["logicnet 5MinerMi: alert", "logicnet second: alert"]
    line, mend = receiver.messages[1]["message"].split("\n")
    assert line.startswith("An error [31mxxx") and len(line) == 500
    assert mend == "@\N{ZERO WIDTH SPACE}everyone: restart it"


def test_a_broken_file_of_what_was_told_is_begun_anew(receiver: JsonReceiver, tmp_path: Path) -> None:
    for text in ("{", "[]", "7", '{"a": 1}', '{"a": {"b": 1}}', json.dumps({"a": {"b": {"c": None}}})):
        (tmp_path / "told").write_text(text)
        assert ToldFile(tmp_path / "told").of(receiver.url, LEDGER) == {}
    unwritable = ToldFile(tmp_path / "no" / "told")
    unwritable.write(receiver.url, LEDGER, {"slow": "x"})
    assert unwritable.of(receiver.url, LEDGER) == {"slow": "x"}


def at(clock: str, day: int = 3) -> float:
    return datetime.fromisoformat(f"2026-03-0{day}T{clock}:00").timestamp()  # of this machine's clock


def test_quiet_hours_hold_back_what_lasts_and_drop_what_does_not(
    receiver: JsonReceiver, tmp_path: Path
) -> None:
    quiet = settings(quiet="22:00-07:00").console.quiet
    pushes = delivery(receiver, tmp_path, quiet)
    pushes.step(seen(SLOW, DOWN), at("21:58"))
    pushes.step(seen(SLOW, DOWN), at("22:00"))
    pushes.step(seen(DOWN), at("23:59"))
    pushes.step(seen(DOWN), at("06:59", day=4))
    assert receiver.messages == []
    pushes.step(seen(DOWN), at("07:00", day=4))
    assert [one["message"] for one in receiver.messages] == [f"{DOWN.what}\n{DOWN.mend}"]


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [
        ("22:00-07:00", ("22:00", "00:00", "06:59"), ("07:00", "21:59", "12:00")),
        ("01:30-02:00", ("01:30", "01:59"), ("01:29", "02:00", "23:00")),
        ("00:00-23:59", ("00:00", "12:00", "23:58"), ("23:59",)),
    ],
)
def test_quiet_hours(hours: str, inside: tuple[str, ...], outside: tuple[str, ...]) -> None:
    quiet = settings(quiet=hours).console.quiet
    assert quiet is not None and str(quiet) == hours
    assert all(quiet.at(datetime.fromtimestamp(at(one))) for one in inside)
    assert not any(quiet.at(datetime.fromtimestamp(at(one))) for one in outside)


def test_a_receiver_that_refuses_is_said_once_and_gets_what_is_still_true(
    receiver: JsonReceiver, tmp_path: Path
) -> None:
    receiver.refuses = True
    pushes = delivery(receiver, tmp_path)
    with listening() as lines:
        for now_s in range(0, 3600, 10):
            pushes.step(seen(SLOW, DOWN) if now_s < 1800 else seen(DOWN), float(now_s))
        tries = 0
        while receiver.asked.acquire(blocking=False):
            tries += 1
        assert 3 < tries < 20  # with backoff
        receiver.refuses = False
        for now_s in range(3600, 4800, 10):
            pushes.step(seen(DOWN), float(now_s))
    assert [one["message"].partition("\n")[0] for one in receiver.messages] == [DOWN.what]
    first, second = lines
    assert first.startswith("WARNING Receiver 1 (json) of --console.notify takes no alert")
    assert second == "INFO Receiver 1 (json) takes alerts again."
    assert not any("secret-path" in line for line in lines)


@pytest.mark.thorough
def test_a_receiver_that_hangs_holds_up_no_other(receiver: JsonReceiver, tmp_path: Path) -> None:
    with json_receiver() as hanging, scene(tmp_path / "l.sqlite", filled=False) as made:
        hanging.hangs = True
        made.state = made.state.model_copy(update={"rows_lost": 3})
        console = settings(notify=SecretStr(f"{hanging.url},{receiver.url}")).console
        with (
            MinerSource(made.path) as source,
            listening() as lines,
            notifying(console, [source], every_s=0.02, held_s=0.0),
        ):
            assert hanging.asked.acquire(timeout=30)
            assert receiver.asked.acquire(timeout=30)
            made.state = made.state.model_copy(update={"rows_lost": 0})
            assert receiver.asked.acquire(timeout=30)
            assert not hanging.goes_on.is_set()
    assert receiver.titles == ["logicnet 5MinerMi: alert", "logicnet 5MinerMi: over"]
    assert "3 rows" in receiver.messages[0]["message"]
    assert len(lines) <= 1 and not any("secret-path" in line for line in lines)


def test_a_second_message_does_not_wait_for_one_that_hangs(receiver: JsonReceiver) -> None:
    receiver.hangs = True
    one = Receiver(receiver.url, 1)
    assert not one.send("a", "b", "info", within_s=0.05)
    assert receiver.asked.acquire(timeout=30)
    assert not one.send("c", "d", "info", within_s=3600.0)
    assert not receiver.asked.acquire(blocking=False)


def test_the_command_tries_each_receiver(
    receiver: JsonReceiver,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["console", "--test-notify", "--console.quiet", "00:00-23:59", "--console.notify", receiver.url]
    assert cli.main(command) == 0
    assert receiver.titles == ["logicnet: test"]
    assert "receiver 1 (json): took the message" in capsys.readouterr().out
    receiver.refuses = True
    assert cli.main([*command, "--console.notify", receiver.url]) == 3
    out, err = capsys.readouterr()
    assert out.count("refused it") == 2 and "secret-path" not in out + err
    assert cli.main(["console", "--test-notify"]) == 2
    assert "--console.notify is not set" in capsys.readouterr().err


def test_an_address_that_apprise_does_not_know_is_said_without_its_value() -> None:
    with pytest.raises(SettingsError, match=r"receiver 2 \(jsn\) is no address that apprise") as caught:
        receivers(settings(notify=SecretStr("json://127.0.0.1:9,jsn://some-token")).console)
    assert "some-token" not in str(caught.value)
    assert receivers(ConsoleSettings()) == []


def test_several_addresses_may_hold_commas() -> None:
    given = settings(notify=SecretStr("mailto://u:p@h?to=a@x,b@y,json://h/1")).console
    assert given.receivers == ["mailto://u:p@h?to=a@x,b@y", "json://h/1"]


def test_a_clock_that_is_set_back_holds_up_no_alert(receiver: JsonReceiver, tmp_path: Path) -> None:
    one = delivery(receiver, tmp_path)
    one.step(seen(SLOW), NOW_S)
    receiver.refuses = True
    one.step(seen(SLOW), NOW_S + HELD_S)
    receiver.refuses = False
    back_s = NOW_S - 86_400.0
    for after_s in (0.0, 600.0, 600.0 + HELD_S):
        one.step(seen(SLOW, DOWN), back_s + after_s)
    assert [title.rpartition(": ")[2] for title in receiver.titles] == ["alert", "alert"]


def test_no_line_of_the_log_has_the_address_of_a_receiver(
    receiver: JsonReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a reply with a broken header the library below apprise tells the whole URL."""
    receiver.header = "broken header"
    with caplog.at_level("DEBUG"):
        assert Receiver(receiver.url, 1).send("title", "body", "info")
    assert "a-secret-path" not in caplog.text


def test_a_look_that_fails_ends_no_later_one(receiver: JsonReceiver, tmp_path: Path) -> None:
    class Failing(MinerSource):
        looks = 0

        def snapshot(self) -> Snapshot:
            self.looks += 1
            if self.looks < 4:
                raise TypeError("'<' not supported between instances of 'bytes' and 'float'")
            return super().snapshot()

    console = settings(notify=SecretStr(receiver.url)).console
    with (
        Failing(tmp_path / "l.sqlite") as source,
        listening() as lines,
        notifying(console, [source], every_s=0.02, held_s=0.0),
    ):
        assert receiver.asked.acquire(timeout=30)
    assert [line for line in lines if "looked for" in line] == [
        "ERROR Alerts cannot be looked for; it is tried again."
    ]
