from logicnet.deadline import Deadline
from logicnet.llm import Endpoint
from logicnet.protocol import Challenge
from logicnet.solver.answering import answer_in_time
from logicnet.solver.constant import ConstantSolver


async def test_it_answers_at_once_without_a_model() -> None:
    nobody = Endpoint("http://127.0.0.1:9/v1")
    first, second = [
        await answer_in_time(ConstantSolver(), Challenge(question), Deadline.after(5), nobody)
        for question in ("What is 1 + 1?", "What is 1 + 2?")
    ]
    assert first == second
    assert first.outcome == "solved"
    assert first.answer.answer and first.answer.reasoning
