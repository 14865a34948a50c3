import os
from pathlib import Path

import pytest

from logicnet.chain import Standing
from logicnet.operate.console.alerts import alerts
from logicnet.operate.console.income import facts, money, panel
from logicnet.operate.console.snapshot import MoneySettings, Snapshot
from tests.unit.operate.console.test_alerts import seen, with_miner
from tests.unit.operate.console.test_run import settings
from tests.unit.operate.console.test_top import shown

PAID = Standing(alpha_a_day=20.0, price=0.05, immune_s=0.0, replaced_before=30, free=0)


def standing(**more: object) -> Standing:
    given = {"alpha_a_day": 20.0, "price": 0.05, "immune_s": 0.0, "replaced_before": 30, "free": 0}
    return Standing(**(given | more))  # type: ignore[arg-type]


def at(one: Standing, money: MoneySettings | None = None) -> Snapshot:
    now = with_miner(standing=one)
    return Snapshot(now.at_s, now.ledger, now.miner, money=money or MoneySettings())


def test_income_in_tao_in_dollars_and_against_the_cost_of_the_gpus() -> None:
    assert facts(at(PAID))[0] == ("", "1.0000 TAO a day", "20.00 alpha, by the last epoch")
    earned, left, _ = facts(at(PAID, MoneySettings(usd=400.0, gpu_usd_h=2.0)))
    assert earned[1] == "1.0000 TAO, $400.00 a day"
    assert left == ("good", "$352.00 left a day", "after $48.00 for GPUs")
    assert facts(at(PAID, MoneySettings(usd=40.0, gpu_usd_h=2.0)))[1][:2] == ("bad", "$8.00 lost a day")
    assert facts(at(PAID, MoneySettings(gpu_usd_h=2.0)))[1][1] == "$48.00 a day for GPUs"
    assert facts(at(standing(price=None), MoneySettings(usd=9.0)))[0][1] == "20.00 alpha a day"
    assert facts(at(PAID, MoneySettings(usd=9.0, age_s=9e5)))[1][:2] == ("warning", "The price is 10 d old")


@pytest.mark.parametrize(
    ("place", "level", "words"),
    [
        (PAID, "good", "30 are replaced before this one"),
        (standing(replaced_before=11), "warning", "11 are replaced before this one"),
        (standing(replaced_before=0), "bad", "The next to be replaced"),
        (standing(replaced_before=0, free=7), "good", "7 places are free"),
        (standing(replaced_before=None, immune_s=7200.0), "good", "Immune for 2 h"),
        (standing(replaced_before=None), "good", "Never replaced"),
    ],
)
def test_the_distance_to_being_replaced(place: Standing, level: str, words: str) -> None:
    assert facts(at(place))[-1][:2] == (level, words)


def test_what_is_not_known_is_said() -> None:
    for now in (seen(miner=None), with_miner(), with_miner(network=None)):
        assert [one[1] for one in facts(now)] == ["Not known"]
    assert "<img" not in panel(at(PAID, MoneySettings(problem="<img>")))


@pytest.mark.parametrize(
    ("place", "key"),
    [
        (standing(replaced_before=0), ("bad", "replaced")),
        (standing(replaced_before=2), ("bad", "replaced")),
        (standing(replaced_before=11), ("warning", "replaced")),
        (standing(replaced_before=None, immune_s=3600.0, alpha_a_day=0.0), ("warning", "immunity")),
    ],
)
def test_a_place_in_danger_is_an_alert(place: Standing, key: tuple[str, str]) -> None:
    (alert,) = alerts(at(place))
    assert (alert.level, alert.key) == key


def test_a_safe_place_is_none() -> None:
    safe = [PAID, standing(replaced_before=0, free=1), standing(replaced_before=None, immune_s=3600.0)]
    assert [alerts(at(one)) for one in safe] == [(), (), ()]


def test_the_price_is_a_number_or_a_file(tmp_path: Path) -> None:
    def of(text: str) -> MoneySettings:
        return money(settings(price=text, gpu_cost_h=1.5).console)

    file = tmp_path / "price"
    assert of("412.5") == MoneySettings(412.5, 1.5)
    file.write_text("388.25\n")
    os.utime(file, (1e9, 1e9))
    assert of(str(file)).usd == 388.25 and of(str(file)).age_s > 1e8
    for text in ("", "n/a", "-3", "0", "nan", "inf", "1e999", "3 4"):
        file.write_text(text)
        found = of(str(file))
        assert found.usd is None and found.problem.startswith(f"--console.price {file} holds ")
    file.write_bytes(b"\xff\xfe4")
    assert of(str(file)).problem.startswith(f"--console.price {file}: ")
    assert of(str(tmp_path / "none")).problem == f"--console.price {tmp_path}/none: No such file or directory"
    assert of(str(tmp_path)).problem.endswith(": not a file")
    os.mkfifo(tmp_path / "pipe")
    assert of(str(tmp_path / "pipe")).problem.endswith(": not a file")
    assert money(settings().console) == MoneySettings()


def test_the_terminal_shows_it_too() -> None:
    assert "Income 1.0000 TAO a day" in "\n".join(shown(at(PAID), 100))
