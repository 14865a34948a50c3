"""What becomes a lesson."""

from typing import Any

import pytest

from logicnet.evals.challenges.sets import in_split
from logicnet.llm import Message
from logicnet.solver.race.profiles import load_profiles, profile_for
from logicnet.tuning.improve.lessons import lessons
from logicnet.tuning.improve.practice import without_examples
from logicnet.tuning.improve.practised import Practised

PROFILE = without_examples(profile_for("smollm2", load_profiles()))
CHAT = without_examples(profile_for("some model", load_profiles()))
TRAIN = [text for number in range(200) if in_split(text := f"What are {number} and 7 together?", "train")]


def text(question: str = TRAIN[0], said: str = "print(9)", **changes: Any) -> Practised:
    given: dict[str, Any] = {
        "question_id": question,
        "kind": "sum",
        "question": question,
        "sampler": "program",
        "prompt": (Message("user", "Example"), Message("assistant", "print(1)"), Message("user", question)),
        "text": said,
        "value": "9",
        "right": True,
        "tokens": 8,
    }
    return Practised(**given | changes)


def ledger(question: str, **changes: Any) -> Practised:
    return text(
        question=question,
        sampler="reason",
        said="It is 9.",
        right=False,
        believed=True,
        source="ledger",
        **changes,
    )


def test_a_lesson_is_asked_without_the_examples_it_was_answered_with():
    (row,) = lessons([text()], PROFILE).rows
    assert row.text == "print(9)"
    assert row.prompt.startswith(TRAIN[0])
    assert "Example" not in row.prompt
    assert row.row() == {"instruction": row.prompt, "output": "print(9)"}


@pytest.mark.parametrize(
    "bad",
    [
        {"right": False},
        {"said": ""},
        {"finish": "length"},
        {"finish": "deadline"},
        {"tokens": PROFILE.program.max_tokens + 1},
        {"tokens": 0, "said": "print(" + "9 + " * 200 + "0)"},
    ],
    ids=["wrong", "empty", "cut off", "late", "too long", "too long by a teacher"],
)
def test_what_is_wrong_or_not_whole_is_no_lesson(bad: dict[str, Any]):
    assert lessons([text(**bad)], PROFILE).rows == []


def test_the_shortest_distinct_texts_of_a_question_are_taken():
    said = ["print(4 + 5)", "print(9)", "print(9) ", "x = 9\nprint(x)"]
    found = lessons([text(said=one) for one in said], PROFILE)
    assert [one.text for one in found.rows] == ["print(9)", "print(4 + 5)"]
    assert found.dropped["said before"] == 1


def test_both_samplers_of_a_question_are_taken_before_a_second_text_of_one():
    found = [text(), text(said="print(4+5)"), text(said="Nine. The answer is 9.", sampler="reason")]
    assert {one.sampler for one in lessons(found, PROFILE).rows} == {"program", "reason"}


def test_no_kind_has_far_more_lessons_than_the_others():
    found = [text(one, kind="sum") for one in TRAIN[:60]]
    found += [text(one, kind="gcd") for one in TRAIN[60:70]] + [text(one, kind="lcm") for one in TRAIN[70:80]]
    assert lessons(found, PROFILE).by_kind == {"sum": 20, "gcd": 10, "lcm": 10}
    assert lessons(found, PROFILE, share_by_kind=False).by_kind["sum"] == 60
    few = lessons(found, PROFILE, most=9).by_kind
    assert few == {"sum": 3, "gcd": 3, "lcm": 3}


def test_nothing_overlaps_the_test_split():
    held_out = next(
        one for number in range(99) if in_split(one := f"What are {number} and 7 together?", "test")
    )
    assert lessons([text(held_out)], PROFILE).rows == []
    assert lessons([text()], PROFILE, held_out=[f" {TRAIN[0].upper()}"]).rows == []


def test_a_question_that_repeats_a_held_out_one_in_most_words_is_dropped():
    story = "A farmer sells twelve baskets of plums on Monday and thirty baskets of pears on the next day"
    asked = next(
        one for number in range(99) if in_split(one := f"{story}. How many is that? {number}", "train")
    )
    found = lessons([text(asked)], PROFILE, held_out=[f"{story}. What is the sum of both?"])
    assert found.rows == []
    assert found.dropped["repeats a question of the test"] == 1


def test_plain_rows_join_in_proportion_and_keep_their_own_words():
    chats = [
        text(
            said=f"Hello {number}",
            sampler="chat",
            right=False,
            prompt=(Message("user", "Hi!"),),
            number=number,
        )
        for number in range(24)
    ]
    found = lessons([*(text(one) for one in TRAIN[:40]), *chats], PROFILE)
    plain = [one for one in found.rows if one.sampler == "chat"]
    assert len(plain) == 4
    assert plain[0].prompt == "Hi!"


def test_a_believed_text_is_a_lesson_and_marked():
    found = lessons([text(), text(TRAIN[1]), ledger(TRAIN[2])], PROFILE).rows
    assert [(one.source, one.believed) for one in found if one.question == TRAIN[2]] == [("ledger", True)]


def test_the_same_texts_in_another_order_make_the_same_lessons():
    found = [text(one, said=f"print({place})", kind=f"k{place % 3}") for place, one in enumerate(TRAIN[:30])]
    assert lessons(found, PROFILE) == lessons(found[::-1], PROFILE)


def test_what_is_only_believed_is_no_lesson_where_the_answer_is_known():
    found = lessons([text(), ledger(TRAIN[0])], PROFILE)
    assert [one.source for one in found.rows] == ["model"]
    assert found.dropped["known, not only believed"] == 1


@pytest.mark.parametrize("kinds", [1, 20], ids=["of one kind", "of many kinds"])
def test_strangers_who_ask_much_do_not_decide_what_is_learned(kinds: int):
    known = [text(question=one) for one in TRAIN[:6]]
    asked = [ledger(one, kind=f"theirs {place % kinds}") for place, one in enumerate(TRAIN[6:36])]
    assert len(asked) == 30
    taken = lessons(known + asked, PROFILE).rows
    assert sum(one.source == "model" for one in taken) == 6
    assert sum(one.believed for one in taken) == 3


def test_answers_that_are_only_believed_alone_are_no_lessons():
    assert lessons([ledger(one) for one in TRAIN[:9]], PROFILE).rows == []


def test_one_text_of_each_prompt_of_the_race_is_learned():
    asked = (Message("user", f"{TRAIN[0]}\n\nIt may be wrong: 4 + 5 = 9"),)
    samplers = ("program", "reason", "formal", "check")
    found = [text(sampler=sampler, said=f"{sampler} 9", prompt=asked) for sampler in samplers]
    rows = {one.sampler: one.prompt for one in lessons(found, CHAT).rows}
    assert set(rows) == set(samplers)
    assert rows["check"] == asked[0].content
    assert "one formula" in rows["formal"]
