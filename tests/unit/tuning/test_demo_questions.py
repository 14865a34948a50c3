"""The demo's questions: each program prints its answer, none is both trained and held out."""

import contextlib
import io
from collections import Counter
from itertools import chain

from logicnet.solver.race import samplers
from logicnet.tuning.demo_questions import KINDS, PROGRAM, demo_questions


def test_each_program_prints_its_answer() -> None:
    for question in chain(*demo_questions(400, 400, seed=7)):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(question.program, {})
        assert said.getvalue() == question.answer + "\n", question


def test_kinds_come_in_equal_shares_and_no_question_twice() -> None:
    train, held_out = demo_questions(200, 96)
    assert Counter(one.kind for one in train) == dict.fromkeys(KINDS, 25)
    assert Counter(one.kind for one in held_out) == dict.fromkeys(KINDS, 12)
    assert len({one.text for one in train + held_out}) == 296
    assert demo_questions(200, 96) == (train, held_out) != demo_questions(200, 96, seed=1)


def test_the_prompt_is_the_one_that_the_race_asks_with() -> None:
    [question], _ = demo_questions(1, 1)
    [message] = samplers._prompt(question.text, [], samplers._PROGRAM)
    assert (message.role, message.content) == ("user", question.row()["prompt"][0]["content"])
    assert PROGRAM == samplers._PROGRAM
