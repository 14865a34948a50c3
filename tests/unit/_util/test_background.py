import threading
import time
from typing import TypeVar

from logicnet._util.background import BackgroundValue

T = TypeVar("T")


def changed(value: BackgroundValue[T], old: T, new: T) -> T:
    """The value after `old`, if `new` is what is made from now on."""
    for _ in range(3000):
        if (found := value.latest(lambda: new)) != old:
            return found
        time.sleep(0.01)
    return old


def test_it_is_made_beside_its_readers_and_one_that_hangs_keeps_the_last() -> None:
    now_s = 0.0
    value = BackgroundValue("first", 5.0, clock=lambda: now_s)
    goes_on, made = threading.Event(), threading.Semaphore(0)
    count = 0

    def make() -> str:
        nonlocal count
        count += 1
        made.release()
        goes_on.wait(30)
        return f"number {count}"

    assert value.latest(make) == "first"
    assert made.acquire(timeout=30)
    now_s = 100.0  # it hangs: no second one begins
    assert value.latest(make) == "first"
    goes_on.set()
    assert changed(value, "first", "next") in ("number 1", "next")  # the latter if that was made at once
    assert count == 1


def test_it_is_made_again_only_after_its_time() -> None:
    now_s = 0.0
    value = BackgroundValue(0, 5.0, clock=lambda: now_s)
    assert changed(value, 0, 1) == 1
    now_s = 4.9
    for _ in range(100):
        assert value.latest(lambda: 2) == 1
    now_s = 5.0
    assert changed(value, 1, 2) == 2
    assert value.latest(lambda: 3) == 2
