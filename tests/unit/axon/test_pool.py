"""Who keeps a connection when there are too many."""

from logicnet.axon import pool
from logicnet.axon.pool import ConnectionPool


class One:
    def __init__(self) -> None:
        self.busy = False
        self.dropped = False

    def drop(self) -> None:
        self.dropped = True


def full(addresses: str, most: int | None = None) -> tuple[ConnectionPool[One], list[One]]:
    """A pool with a connection from each of `addresses`, a letter each, in this order."""
    connections: ConnectionPool[One] = ConnectionPool(most or len(addresses), spare=1)
    ones = [One() for _ in addresses]
    assert [connections.add(one, address) for one, address in zip(ones, addresses, strict=True)] == [
        "added"
    ] * len(ones)
    return connections, ones


def dropped(ones: list[One]) -> list[int]:
    return [number for number, one in enumerate(ones) if one.dropped]


def test_churn_from_one_address_costs_only_that_address() -> None:
    connections, ones = full("abxxx")
    for _ in range(100):
        assert connections.add(One(), "x") == "added"
    assert dropped(ones) == [2, 3, 4]
    assert len(connections) == 5


def test_among_addresses_with_one_each_the_oldest_goes() -> None:
    connections, ones = full("abc")
    connections.add(One(), "d")
    assert dropped(ones) == [0]


def test_who_is_proven_is_not_dropped_for_a_stranger() -> None:
    connections, ones = full("aaaaaaaaaaaaaaab")
    for number in range(16):
        connections.prove(ones[number], f"validator {number // 2}")
    assert connections.add(One(), "c") == "refused"
    assert connections.add(One(), "c") == "dropped"
    assert dropped(ones) == []


def test_a_validator_beyond_its_share_loses_its_oldest_idle_connection() -> None:
    connections, ones = full("a" * 16)  # a share of 2
    for one in ones[:2]:
        connections.prove(one, "greedy")
    connections.prove(ones[15], "modest")
    ones[0].busy = True
    connections.prove(ones[2], "greedy")
    assert dropped(ones) == [1]
    ones[2].busy = True
    connections.prove(ones[3], "greedy")  # all others are at work: nothing is lost
    assert dropped(ones) == [1]
    connections.prove(ones[3], "greedy")
    assert dropped(ones) == [1]


def test_a_connection_that_another_validator_uses_counts_for_that_one() -> None:
    connections, ones = full("a" * 16)
    for one in ones[:2]:
        connections.prove(one, "first")
        connections.prove(one, "second")
    connections.prove(ones[2], "first")
    connections.prove(ones[3], "first")
    assert dropped(ones) == []


def test_strangers_hold_a_bounded_part_of_the_memory() -> None:
    many = pool.HELD_BYTES // pool.HELD_EACH_BYTES
    connections, ones = full("a" * (many + 2))
    connections.prove(ones[0], "validator")
    connections.hold(ones[0], pool.HELD_BYTES)  # proven: its quota bounds it
    connections.hold(ones[1], 3 * pool.HELD_BYTES)  # most of it is thrown away as it comes
    for one in ones[2:-1]:
        connections.hold(one, pool.HELD_EACH_BYTES)
    connections.release(ones[2])
    connections.hold(ones[2], pool.HELD_EACH_BYTES - 1)
    assert dropped(ones) == []
    connections.hold(ones[-1], 2)
    assert dropped(ones) == [1]  # the first of those who held most
    assert len(connections) == many + 1


def test_who_is_closed_leaves_room() -> None:
    connections, ones = full("ab")
    connections.remove(ones[0])
    connections.remove(ones[0])
    assert connections.add(One(), "c") == "added"
    assert dropped(ones) == []
    assert next(iter(connections)) is ones[1]
