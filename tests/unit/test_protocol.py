import json

import pytest
from pydantic import ValidationError

from logicnet.protocol import Answer, Information, LogicSynapse
from logicnet.votelog import SamplerVote, VoteLog


def body(**changes: object) -> str:
    fields: dict[str, object] = {
        "name": "LogicSynapse",
        "timeout": 64,
        "logic_question": "2+2?",
        "logic_answer": "",
        "logic_reasoning": "",
        "raw_logic_question": "",
        "ground_truth_answer": None,
        "category": "Logic",
        "task_uid": "t1",
    }
    return json.dumps(fields | changes)


def test_a_challenge_is_read_and_answered_in_the_validators_fields() -> None:
    synapse = LogicSynapse.model_validate_json(body())
    assert synapse.reply_fields(Answer(reasoning="2 and 2 make 4.", answer="4")) == {
        "logic_question": "2+2?",
        "logic_answer": "4",
        "logic_reasoning": "2 and 2 make 4.",
        "raw_logic_question": "",
        "ground_truth_answer": None,
        "category": "Logic",
        "task_uid": "t1",
    }


def test_what_a_miner_must_not_read_is_neither_kept_nor_returned() -> None:
    secret = "the truth is 4"
    synapse = LogicSynapse.model_validate_json(
        body(raw_logic_question=secret, ground_truth_answer=secret, logic_answer=secret, extra=secret)
    )
    assert secret not in repr(synapse)
    assert secret not in json.dumps(synapse.reply_fields(Answer("r", "a")))
    # Wrong types there are no reason to refuse either: we do not look.
    LogicSynapse.model_validate_json(body(ground_truth_answer={"a": [1]}, raw_logic_question=17))


@pytest.mark.parametrize(
    "changes",
    [
        {"logic_question": ""},
        {"logic_question": " \n\t"},
        {"logic_question": 7},
        {"logic_question": None},
        {"category": 1},
        {"task_uid": ["t1"]},
        {"timeout": "64"},
    ],
)
def test_wrong_types_and_empty_questions_are_errors_that_do_not_show_the_input(
    changes: dict[str, object],
) -> None:
    with pytest.raises(ValidationError) as caught:
        LogicSynapse.model_validate_json(body(**changes))
    assert "input_value" not in str(caught.value)


def test_a_question_may_be_all_there_is() -> None:
    assert LogicSynapse.model_validate_json('{"logic_question": "2+2?"}').task_uid == ""


def test_information_is_answered_with_volume_and_category() -> None:
    asked = Information.model_validate_json('{"request_dict": {"ask": "volume"}, "response_dict": {"x": 1}}')
    assert asked.reply_fields(epoch_volume=50, category="Logic") == {
        "request_dict": {"ask": "volume"},
        "response_dict": {"epoch_volume": 50, "category": "Logic"},
    }


def test_how_an_answer_came_about_does_not_go_out() -> None:
    vote_log = VoteLog("sum", (SamplerVote("reason", "72"),), "72")
    synapse = LogicSynapse(logic_question="?")
    assert synapse.reply_fields(Answer("Steps.", "72", vote_log)) == synapse.reply_fields(
        Answer("Steps.", "72")
    )
