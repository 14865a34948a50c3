"""Groups of miners of about the same record."""

from collections import Counter

from logicnet.tuning.judging.groups import JudgedRecord, group_of, records_of

NAMES = [f"miner{n:02}" for n in range(20)]


def results(*fates: tuple[str, str]) -> list[dict[str, str]]:
    return [{"miner": miner, "fate": fate} for miner, fate in fates]


def test_a_record_counts_whom_a_ranked_miner_was_better_than():
    found = records_of(
        [
            results(("a", "ranked"), ("b", "ranked"), ("c", "suspected"), ("d", "copy")),
            results(("b", "ranked"), ("a", "too late")),
        ]
    )
    assert found == {
        "a": JudgedRecord(2, 4, 3),
        "b": JudgedRecord(2, 4, 3),
        "c": JudgedRecord(1, 3, 0),
        "d": JudgedRecord(1, 3, 0),
    }


def test_those_of_a_group_have_the_nearest_records():
    records = {name: JudgedRecord(5, 18, n) for n, name in enumerate(NAMES)}
    for seed in range(50):
        places = [NAMES.index(one) for one in group_of(NAMES, records, 4, seed)]
        assert len(places) == 4
        assert max(places) - min(places) <= 4


def test_a_group_is_the_same_for_a_seed_and_not_for_another():
    drawn = {seed: group_of(NAMES, {}, 4, seed) for seed in range(30)}
    assert all(group_of(NAMES[::-1], {}, 4, seed) == its for seed, its in drawn.items())
    assert len(set(drawn.values())) > 25


def test_without_records_everyone_has_the_same_chance():
    drawn = Counter(one for seed in range(2000) for one in group_of(NAMES, {}, 4, seed))
    assert min(drawn.values()) > 300
    assert max(drawn.values()) < 500


def test_who_had_the_fewest_tasks_is_in_it():
    records = {name: JudgedRecord(3, 9, 4) for name in NAMES[1:]}
    assert all(NAMES[0] in group_of(NAMES, records, 4, seed) for seed in range(20))


def test_a_small_field_is_taken_whole():
    assert group_of(["b", "a"], {}, 4, 0) == ("a", "b")
    assert group_of([], {}, 4, 0) == ()
