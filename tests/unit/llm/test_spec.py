from pydantic import SecretStr

from logicnet.llm import Limit, Spec


def test_tokens_count_alike() -> None:
    assert Limit(1000).cost(30, 70) == 100


def test_money_by_what_is_read_and_written() -> None:
    limit = Limit(5.0, price_in=1.0, price_out=4.0, money=True)
    assert limit.cost(1_000_000, 500_000) == 3.0
    assert limit.cost(0, 0) == 0.0


def test_no_key_is_shown() -> None:

    assert "sk-1" not in repr(Spec("http://h/v1", key=SecretStr("sk-1")))
