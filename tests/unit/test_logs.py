"""Logs: one event, one line; nothing secret, nothing of a stranger's; and no flood fills a disk."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest
from loguru import logger

from logicnet import logs
from logicnet.errors import Reason
from logicnet.events import (
    Admitted,
    Announced,
    Answered,
    EpochCount,
    Event,
    HungUp,
    NonceAccepted,
    Outcome,
    Refused,
)
from logicnet.logs import EventLog, WindowedCounter
from logicnet.protocol import Hotkey
from logicnet.settings import LoggingSettings
from tests.harness.quiet import logging_put_back

SECRET = "sk-TOPSECRET-0123456789"
ALICE = Hotkey("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")
EPOCH = EpochCount(ALICE, started_at_s=0.0, announced=40, given=1, refused=0)
QUESTION, ANSWER = "QUESTION-TEXT", "ANSWER-TEXT"

PLAIN, JSON = LoggingSettings(), LoggingSettings(json_lines=True)
DEBUG, TRACE = LoggingSettings(debug=True), LoggingSettings(trace=True)


@pytest.fixture(autouse=True)
def logging_alone() -> Iterator[None]:
    with logging_put_back():
        yield


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


Capture = pytest.CaptureFixture[str]


# --- the lines


def test_a_plain_line(capsys: Capture) -> None:
    logs.set_up(PLAIN)
    logger.info("Mining as {} on port {}.", ALICE, 8091)
    (line,) = said(capsys)
    assert re.fullmatch(
        rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{{3}} INFO     Mining as {ALICE} on port 8091\.", line
    )


def test_a_json_line(capsys: Capture) -> None:
    logs.set_up(JSON)
    logger.bind(validator=ALICE, seconds=1.5, path=sys).warning("It took {} s", 1.5)
    (line,) = said(capsys)
    record = json.loads(line)
    assert record["level"] == "WARNING"
    assert record["message"] == "It took 1.5 s"
    assert (record["validator"], record["seconds"]) == (ALICE, 1.5)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", record["ts"])
    assert next(iter(record)) == "ts"


def test_a_bound_field_cannot_pose_as_the_message(capsys: Capture) -> None:
    logs.set_up(JSON)
    logger.bind(level="DEBUG", message="other").error("mine")
    record = json.loads(said(capsys)[0])
    assert (record["level"], record["message"]) == ("ERROR", "mine")


@pytest.mark.parametrize(
    ("settings", "heard"),
    [
        (LoggingSettings(), ["info", "warning"]),
        (LoggingSettings(debug=True), ["debug", "info", "warning"]),
        (LoggingSettings(trace=True), ["trace", "debug", "info", "warning"]),
        (LoggingSettings(trace=True, debug=True), ["trace", "debug", "info", "warning"]),
    ],
)
def test_levels(capsys: Capture, settings: LoggingSettings, heard: list[str]) -> None:
    logs.set_up(settings)
    for level in ("trace", "debug", "info", "warning"):
        logger.log(level.upper(), level)
    assert [line.split()[-1] for line in said(capsys)] == heard


def test_setting_up_again_replaces_what_was(capsys: Capture) -> None:
    logs.set_up(DEBUG)
    logs.set_up(PLAIN)
    logger.debug("unheard")
    logger.info("heard once")
    logging.getLogger("elsewhere").warning("and so is this")
    assert len(said(capsys)) == 2


@pytest.mark.parametrize("settings", [PLAIN, JSON, TRACE])
def test_whatever_is_in_it_an_event_is_one_line_without_colours(
    capsys: Capture, settings: LoggingSettings
) -> None:
    logs.set_up(settings)
    nasty = "two\nlines \r\x1b[31mred\x1b[0m \u2028 {braces} <red>tags</red> \u202e \udcff"
    logger.info(nasty)
    logger.bind(text=nasty).info("{}", nasty)
    lines = said(capsys)
    assert len(lines) == 2
    for line in lines:
        assert line.isprintable()
        assert "{braces} <red>tags</red>" in line


def test_nobody_reading_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    logs.set_up(PLAIN)

    class Gone:
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    logger.info("to nobody")


# --- exceptions


def fail(message: str) -> None:
    local = SECRET  # noqa: F841  (a diagnosing traceback would print it)
    raise RuntimeError(message)


def log_failure(message: str) -> None:
    try:
        fail(message)
    except RuntimeError:
        logger.exception("It failed:")


@pytest.mark.parametrize("settings", [PLAIN, DEBUG, JSON])
def test_an_exception_is_a_line_with_its_place(capsys: Capture, settings: LoggingSettings) -> None:
    logs.set_up(settings)
    log_failure("on two\nlines")
    (line,) = said(capsys)
    assert "It failed: RuntimeError: on two" in line
    assert re.search(r"\(test_logs\.py:\d+\)", line)


def test_trace_adds_the_traceback_without_values(capsys: Capture) -> None:
    logs.set_up(TRACE)
    log_failure("why")
    lines = said(capsys)
    assert any("Traceback" in line for line in lines)
    assert any("raise RuntimeError(message)" in line for line in lines)
    assert "TOPSECRET" not in "".join(lines)


def test_trace_in_json_keeps_the_traceback_in_its_line(capsys: Capture) -> None:
    logs.set_up(LoggingSettings(trace=True, json_lines=True), [SECRET])
    log_failure(f"why {SECRET}")
    (line,) = said(capsys)
    assert "Traceback" in json.loads(line)["traceback"]
    assert "TOPSECRET" not in line


@pytest.mark.parametrize("settings", [PLAIN, JSON])
def test_a_long_text_is_cut_and_no_secret_with_it(capsys: Capture, settings: LoggingSettings) -> None:
    logs.set_up(settings, [SECRET])
    for length in range(980, 1001):  # so that the cut goes through every part of it
        text = "x" * length + SECRET + "x" * 100_000
        log_failure(text)
        logger.bind(error=text).warning("{}", text)
    lines = said(capsys)
    assert len(lines) == 42 and all(len(line) < 3000 for line in lines)
    assert "sk-T" not in "".join(lines)


def test_a_thread_that_dies_is_told(capsys: Capture) -> None:
    logs.set_up(JSON, [SECRET])
    thread = threading.Thread(target=fail, args=[f"in a thread {SECRET}"], name="loop-thread")
    thread.start()
    thread.join()
    (line,) = said(capsys)
    record = json.loads(line)
    assert record["level"] == "ERROR"
    assert record["message"].startswith("The thread loop-thread crashed: RuntimeError: in a thread ****")


# --- secrets


@pytest.mark.parametrize("settings", [PLAIN, JSON, TRACE, LoggingSettings(trace=True, json_lines=True)])
def test_a_secret_never_comes_out(capsys: Capture, settings: LoggingSettings) -> None:
    quoted = 'sk-"quoted\\secret"'
    logs.set_up(settings, [SECRET, quoted])
    logger.info("the key is {}", SECRET)
    logger.bind(key=SECRET, headers={"authorization": f"Bearer {SECRET}"}).warning(f"{quoted}!")
    logger.bind(thing=RuntimeError(SECRET), more=[{"key": quoted}]).info("and here")
    log_failure(f"Bearer {SECRET} and {quoted}")
    logging.getLogger("elsewhere").error("%s", {"key": SECRET})
    text = "\n".join(said(capsys))
    assert "TOPSECRET" not in text
    assert "quoted" not in text
    assert text.count("****") >= 4


def test_a_secret_that_holds_another_is_masked_whole(capsys: Capture) -> None:
    logs.set_up(PLAIN, ["abcdef", "abcdefghij"])
    logger.info("abcdefghij")
    assert said(capsys)[0].endswith(" ****")


def test_a_key_that_is_none_garbles_no_line(capsys: Capture) -> None:
    logs.set_up(PLAIN, ["EMPTY", "x", ""])
    logger.info("EMPTY boxes")
    assert said(capsys)[0].endswith(" EMPTY boxes")


# --- other libraries


@pytest.mark.parametrize("settings", [PLAIN, DEBUG, TRACE, JSON])
@pytest.mark.parametrize("name", ["openai._base_client", "httpx2", "uvicorn.error", "bittensor.transport"])
def test_other_libraries_are_heard_from_warning_up_whatever_they_set(
    capsys: Capture, settings: LoggingSettings, name: str
) -> None:
    logs.set_up(settings)
    library = logging.getLogger(name)
    before = library.level
    library.setLevel(logging.DEBUG)  # as OPENAI_LOG=debug does
    try:
        library.debug("Request options: %s", {"json_data": QUESTION})
        library.info("HTTP Request: %s", QUESTION)
        assert said(capsys) == []
        library.warning("That was %s.", "odd")
        (line,) = said(capsys)
        assert f"{name}: That was odd." in line
    finally:
        library.setLevel(before)


def test_their_errors_come_with_their_exception(capsys: Capture) -> None:
    logs.set_up(PLAIN)
    try:
        fail("why")
    except RuntimeError:
        logging.getLogger("asyncio").exception("Task exception was never retrieved\nfuture: <Task>")
    logging.getLogger("asyncio").error("without one", exc_info=True)
    first, second = said(capsys)
    assert (
        "ERROR    asyncio: Task exception was never retrieved\\nfuture: <Task> RuntimeError: why (" in first
    )
    assert second.endswith("asyncio: without one")


def test_warnings_come_out_as_lines(capsys: Capture) -> None:
    logs.set_up(JSON)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("an old way", DeprecationWarning, stacklevel=1)
    (line,) = said(capsys)
    assert "DeprecationWarning: an old way" in json.loads(line)["message"]
    logging.captureWarnings(False)


def test_a_flood_from_a_library_is_counted_not_written(capsys: Capture) -> None:
    logs.set_up(PLAIN)
    for _ in range(10_000):
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    logging.getLogger("uvicorn.error").error("Something else broke.")
    lines = said(capsys)
    assert len(lines) < 50
    assert any("Something else broke." in line for line in lines)


# --- events


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def admitted() -> Admitted:
    return Admitted(0.0, "c1", ALICE, "classic", "task", "Logic", QUESTION, 63.0, EPOCH)


def answered(outcome: Outcome = "solved", error: str = "") -> Answered:
    return Answered(0.0, "c1", ALICE, "direct", outcome, 12.345, f"because {ANSWER}", ANSWER, error)


def refused(reason: Reason = Reason.NOT_VERIFIED) -> Refused:
    return Refused(0.0, reason, "Not Verified with error: the signature does not fit.")


def test_an_answer_is_one_line(capsys: Capture) -> None:
    logs.set_up(PLAIN)
    EventLog()(answered())
    (line,) = said(capsys)
    assert line.endswith("INFO     Answered 5GrwvaEF in 12.35 s: solved") or line.endswith("12.34 s: solved")


@pytest.mark.parametrize("outcome", ["late", "failed", "waited"])
def test_an_answer_that_was_not_solved_is_a_warning_with_its_reason(
    capsys: Capture, outcome: Outcome
) -> None:
    logs.set_up(PLAIN)
    EventLog()(answered(outcome, "the model server sent\nnonsense"))
    (line,) = said(capsys)
    assert "WARNING  Answered 5GrwvaEF" in line
    assert line.endswith(f": {outcome} (the model server sent\\nnonsense)")


def test_events_as_json_carry_their_fields(capsys: Capture) -> None:
    logs.set_up(LoggingSettings(json_lines=True, debug=True))
    log = EventLog()
    for event in (Announced(0.0, EPOCH), admitted(), answered(), HungUp(0.0, "c2", ALICE, 3.0), refused()):
        log(event)
    records = [json.loads(line) for line in said(capsys)]
    assert [record["event"] for record in records] == [
        "promised",
        "admitted",
        "answered",
        "hung_up",
        "refused",
    ]
    assert [record["level"] for record in records] == ["DEBUG", "DEBUG", "INFO", "INFO", "INFO"]
    assert records[2] | {"ts": ""} == {
        "ts": "",
        "event": "answered",
        "challenge": "c1",
        "validator": ALICE,
        "solver": "direct",
        "outcome": "solved",
        "seconds": 12.345,
        "error": "",
        "level": "INFO",
        "message": records[2]["message"],
    }
    assert records[1]["wire"] == "classic" and records[1]["allowed_s"] == 63.0
    assert records[4]["reason"] == "not_verified"
    assert records[0]["promised"] == 40 and records[0]["validator"] == ALICE  # keys of earlier versions


@pytest.mark.parametrize("settings", [TRACE, LoggingSettings(json_lines=True, trace=True)])
def test_no_question_and_no_answer_in_any_line(capsys: Capture, settings: LoggingSettings) -> None:
    logs.set_up(settings)
    log = EventLog()
    events: list[Event] = [admitted(), answered(), answered("late", "slow"), refused(), NonceAccepted("c", 1)]
    for event in events:
        log(event)
    text = "\n".join(said(capsys))
    assert text and QUESTION not in text and ANSWER not in text


@pytest.mark.parametrize(("settings", "most"), [(PLAIN, 4), (DEBUG, 60)])
def test_a_flood_of_refusals_is_a_line_a_reason_and_minute(
    capsys: Capture, settings: LoggingSettings, most: int
) -> None:
    logs.set_up(settings)
    clock = Clock()
    log = EventLog(clock)
    for _ in range(5_000):
        log(refused(Reason.NOT_VERIFIED))
        log(refused(Reason.MALFORMED))
    assert len(said(capsys)) <= most
    clock.now_s += logs.WINDOW_S
    log(admitted())
    summary = next(line for line in said(capsys) if "Refused" in line)
    assert summary.endswith("INFO     Refused within a minute: not_verified 5000, malformed 5000")
    log(refused())  # a new window says its first again
    assert said(capsys)[-1].endswith("not_verified. Not Verified with error: the signature does not fit.")


def test_a_single_refusal_is_not_summed_up(capsys: Capture) -> None:
    logs.set_up(PLAIN)
    clock = Clock()
    log = EventLog(clock)
    log(Refused(0.0, Reason.OVER_QUOTA, "Your quota is used up.", ALICE, EPOCH))
    clock.now_s += logs.WINDOW_S
    log(answered())
    first, second = said(capsys)
    assert first.endswith("INFO     Refused 5GrwvaEF: over_quota. Your quota is used up.")
    assert "Answered" in second


def test_a_flood_of_volume_questions_is_bounded_in_debug_too(capsys: Capture) -> None:
    logs.set_up(DEBUG)
    clock = Clock()
    log = EventLog(clock)
    for _ in range(5_000):
        log(Announced(0.0, EPOCH))
    clock.now_s += logs.WINDOW_S
    log(answered())
    lines = said(capsys)
    assert len(lines) <= 21 and not any("Refused" in line for line in lines)


def test_a_tally_counts_in_windows() -> None:
    clock = Clock()
    tally = WindowedCounter(clock)
    assert [tally.add("a"), tally.add("a"), tally.add("b")] == [1, 2, 1]
    assert not tally.ended()
    clock.now_s += logs.WINDOW_S
    assert tally.ended() == {"a": 2, "b": 1}
    assert not tally.ended()
    assert tally.add("a") == 1


def test_a_load_test_is_bounded_too_and_its_answers_are_summed_up(capsys: Capture) -> None:
    logs.set_up(PLAIN)
    clock = Clock()
    log = EventLog(clock)
    for _ in range(1_000):
        log(admitted())
        log(answered())
    assert len(said(capsys)) == 600
    clock.now_s += logs.WINDOW_S
    log(answered())
    summed_up, again = said(capsys)
    assert summed_up.endswith("INFO     And 400 more answered within a minute")
    assert "Answered" in again


UNREAD = """
import sys
from logicnet import logs
from logicnet.settings import LoggingSettings
from loguru import logger

logs.set_up(LoggingSettings())
for number in range(2 * logs._LINES_WAITING):
    logger.info("{} {}", number, "x" * 200)
print("done", flush=True)
sys.stdin.read()
logger.info("the last line")
"""


@pytest.mark.thorough
@pytest.mark.parametrize("read", [False, True], ids=["nobody reads it", "read late"])
def test_a_log_that_nobody_reads_stops_nothing(read: bool) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", UNREAD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        assert process.stdout.readline() == "done\n"
        if not read:
            process.stdin.close()
            assert process.wait(120) == 0  # and its pipe is still full
            return
        lines = [process.stderr.readline() for _ in range(logs._LINES_WAITING // 2)]
        assert all("xxx" in line for line in lines)
        _, rest = process.communicate(timeout=120)
    assert "lines of the log were dropped: nobody read it." in rest
    assert rest.endswith("the last line\n")
