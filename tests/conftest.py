"""What all tests share: a clock that a busy machine does not move, for those that ask for it."""

import asyncio
import gc
import importlib
import signal
from collections.abc import Callable, Mapping

import pytest
from hypothesis import settings

from tests.harness.own_time import OwnTimeLoop

settings.register_profile("unhurried", deadline=None)  # an example may take as long as it takes
settings.load_profile("unhurried")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "own_time: run on a loop whose clock stands still while it is busy")
    config.addinivalue_line(
        "markers", "thorough: hundreds of cases, many processes, or more than a second; not in `make check`"
    )
    gc.disable()  # the million objects of the collected tests are no garbage, and a third of its time
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job; processes inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    gc.enable()
    gc.freeze()  # nor are they looked at in each test's time


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("own_time") is not None:
        importlib.import_module("openai")  # what is loaded for a first call takes none of its time


@pytest.fixture
def patient_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is true is found out, however long that takes here."""
    monkeypatch.setattr(importlib.import_module("logicnet.scoring.truth"), "TIMEOUT_S", 60.0)


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    own_time = item.get_closest_marker("own_time") is not None
    return {"loop": OwnTimeLoop if own_time else asyncio.new_event_loop}
