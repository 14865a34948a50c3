"""Each line of attack against a scripted server: it ends with a vote or with none, and never raises."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.deadline import Deadline
from logicnet.llm import Endpoint, Retrying
from logicnet.solver.race.exact import Exact
from logicnet.solver.race.profiles import Profile, SamplerProfile, load_profiles, profile_for
from logicnet.solver.race.samplers import Sample, Samplers, program_prompt, readable
from logicnet.solver.sandbox.sandbox import Sandbox
from tests.harness.scripted_model import BROKEN, WORDLESS, Json, Mode, ScriptedModel
from tests.unit.solver.race import course
from tests.unit.solver.race.course import PROGRAM, QUESTION, STEPS, as_asked, asked, profile

pytestmark = pytest.mark.own_time

THINKING = profile(thinking=True)
Run = Callable[..., Samplers]


@pytest.fixture
async def run(models: Endpoint) -> AsyncIterator[Run]:
    """`run(question=..., seconds=..., as_profile=...)` gives the samplers of one challenge."""
    async with aclosing(course.plain_sandbox()) as sandbox, Exact() as exact:
        yield lambda **words: course.samplers(models, sandbox, exact, **words)


# Reasoning -------------------------------------------------------------------------------------------


async def test_reasoning_ends_with_what_it_concludes(server: ScriptedModel, run: Run) -> None:
    server.logprobs = (-0.1, -0.3)
    end = await run().reason()
    assert end.form is not None
    assert (end.sampler, end.form.text, end.trace, end.model) == ("reason", "72", STEPS, "scripted")
    assert end.tokens == len(STEPS.split(" "))
    assert end.confidence == pytest.approx(-0.2, abs=0.02)
    (body,) = server.chats
    assert QUESTION in body["messages"][0]["content"]
    assert (body["max_tokens"], body["temperature"]) == (400, 0.7)


async def test_a_small_model_is_shown_examples_as_earlier_turns(server: ScriptedModel, run: Run) -> None:
    small = profile_for("smollm2-135m", load_profiles())
    await run(question=r"What is $17 \cdot 23$?", as_profile=small).reason()
    *shots, last = server.chats[0]["messages"]
    assert [shot["role"] for shot in shots] == ["user", "assistant"] * small.reason.examples
    assert all("The answer is" in shot["content"] for shot in shots[1::2])
    assert last == {"role": "user", "content": "What is 17 * 23?"}


async def test_reasoning_that_is_cut_off_is_concluded(server: ScriptedModel, run: Run) -> None:
    server.mode = lambda n: Mode.HANG_IN_TEXT if n == 0 else Mode.NORMAL
    end = await run(seconds=1.6).reason()
    assert end.form is not None
    assert (end.sampler, end.form.text, end.trace) == ("forced", "72", "")  # half a sentence is not sent
    forced = server.chats[1]
    assert forced["messages"][-1] == {"role": "assistant", "content": "In May\n\nSo the final answer is"}
    assert forced["continue_final_message"] is True
    assert "regex" in forced["structured_outputs"]
    assert forced["max_tokens"] < 100


@pytest.mark.parametrize("as_profile", [profile(), THINKING])
async def test_a_sample_that_begins_late_has_most_of_what_is_left(
    server: ScriptedModel, run: Run, as_profile: Profile
) -> None:
    server.text = as_asked
    clock = asyncio.get_running_loop().time
    late = Deadline(clock() - 50.0, clock() + 4.0, clock)
    end = await replace(run(as_profile=as_profile), deadline=late).reason()
    assert end.form is not None
    assert (end.sampler, end.form.text) == ("reason", "72")


async def test_reasoning_that_does_not_conclude_is_made_to(server: ScriptedModel, run: Run) -> None:
    server.text = lambda body: " 72." if asked(body) == "forced" else "We have 48 clips and then half of them"
    end = await run().reason()
    assert end.form is not None
    assert (end.sampler, end.form.text) == ("forced", "72")


@pytest.mark.thorough
async def test_what_is_cut_off_and_cannot_be_forced_is_guessed_if_a_number(
    server: ScriptedModel, run: Run
) -> None:
    server.mode = lambda n: Mode.NORMAL if n == 0 else Mode.HANG_BEFORE_HEADERS
    server.text = "Half of 48 is 24. Together these are 72 clips"
    end = await run(seconds=1.2).reason()
    assert end.form is not None
    assert (end.sampler, end.form.text) == ("forced", "72")

    server.mode = lambda n: (
        Mode.HANG_BEFORE_HEADERS if asked(server.chats[n]) == "forced" else Mode.HANG_IN_TEXT
    )
    server.text = "Let us think about clips in general and for a while"
    end = await run(seconds=1.2).reason()
    assert (end.sampler, end.form) == ("forced", None)


async def test_a_text_that_goes_round_in_circles_is_ended_and_concluded(
    server: ScriptedModel, run: Run
) -> None:
    round_it = "Then we add the clips of April to the clips of May once more. "
    server.text = lambda body: " 72." if asked(body) == "forced" else round_it * 500
    server.pause_s = 0.001  # so that there is something left to end
    end = await run(
        as_profile=profile(reason=SamplerProfile(samples=1, most=1, temperature=0, max_tokens=20_000))
    ).reason()
    async with asyncio.timeout(10):
        await server.idle()
    assert server.hung_up == 1  # it generates no more of it
    assert end.form is not None
    assert (end.sampler, end.form.text) == ("forced", "72")
    assert end.trace.count("once more") <= 2
    assert end.tokens < 500


async def test_where_a_program_is_asked_for_it_is_the_answer(server: ScriptedModel, run: Run) -> None:
    code = "def double(n):\n    return 2 * n"
    server.text = f"We multiply by two.\n\n```python\n{code}\n```\n\nThis doubles it."
    end = await run(question="Write a Python function double(n) that doubles a number.").reason()
    assert end.form is not None
    assert (end.sampler, end.form.kind, end.form.text) == ("reason", "code", code)


# Thinking --------------------------------------------------------------------------------------------


async def test_only_the_conclusion_of_thinking_is_kept(server: ScriptedModel, run: Run) -> None:
    server.thinking = "Hmm. The answer is 70. No, wait."
    end = await run(as_profile=THINKING).reason()
    assert end.form is not None
    assert (end.sampler, end.form.text, end.trace) == ("reason", "72", STEPS)


@pytest.mark.parametrize("opened", ["<think>", ""])
async def test_thinking_in_the_text_itself_is_left_out_too(
    server: ScriptedModel, run: Run, opened: str
) -> None:
    server.text = f"{opened}Hmm. The answer is 70. No, wait.</think>\n\n{STEPS}"
    end = await run(as_profile=THINKING).reason()
    assert end.form is not None
    assert (end.form.text, end.trace) == ("72", STEPS)


@pytest.mark.parametrize("where", ["field", "marks", "opened by the template"])
async def test_thinking_that_is_cut_off_is_concluded(server: ScriptedModel, run: Run, where: str) -> None:
    thoughts = "Hmm, 48 and half of it, so let me see what that makes if I add them"
    server.thinking = thoughts if where == "field" else ""
    marked = f"<think>{thoughts}" if where == "marks" else thoughts
    server.text = lambda body: (
        as_asked(body) if asked(body) != "reason" else ("" if where == "field" else marked)
    )
    server.mode = lambda n: Mode.HANG_IN_TEXT if n == 0 else Mode.NORMAL
    end = await run(seconds=1.8, as_profile=THINKING).reason()
    assert end.form is not None
    assert (end.sampler, end.form.text) == ("forced", "72")
    assert "think" not in end.trace and "Hmm" not in end.trace
    short = server.chats[1]
    assert asked(short) == "short"
    assert short["messages"][-1]["content"].startswith("Hmm, 48")


async def test_a_model_that_spends_its_tokens_on_thinking_is_concluded(
    server: ScriptedModel, run: Run
) -> None:
    server.finish_reason = "length"
    server.text = lambda body: "<think>Hmm, so many clips" if asked(body) == "reason" else as_asked(body)
    end = await run(as_profile=THINKING).reason()
    assert end.form is not None
    assert (end.sampler, end.form.text, end.trace) == ("forced", "72", STEPS)


async def test_thoughts_that_lead_nowhere_are_forced(server: ScriptedModel, run: Run) -> None:
    def text(body: Json) -> str:
        return {"forced": " 72.", "short": "Well, clips again"}.get(asked(body), "<think>Hmm, clips")

    server.text = text
    server.finish_reason = "length"
    end = await run(as_profile=THINKING).reason()
    assert end.form is not None
    assert (end.sampler, end.form.text) == ("forced", "72")
    assert [asked(body) for body in server.chats] == ["reason", "short", "forced"]
    assert "<think>" not in end.trace


@pytest.mark.parametrize("as_profile", [profile(), THINKING], ids=["chat", "thinking"])
@pytest.mark.parametrize("cut", ["length", "deadline"])
async def test_thoughts_that_the_server_hides_are_concluded_where_they_are_cut_off(
    server: ScriptedModel, run: Run, as_profile: Profile, cut: str
) -> None:
    server.hidden_tokens, server.finish_reason = 900, "length"
    server.text = lambda body: "" if asked(body) == "reason" else as_asked(body)
    if cut == "deadline":
        server.mode = lambda n: Mode.HANG_AFTER_HEADERS if n == 0 else Mode.NORMAL
    end = await run(seconds=1.8, as_profile=as_profile).reason()
    assert end.form is not None
    assert (end.sampler, end.form.text) == ("forced", "72")
    assert server.chats[1]["messages"][-1]["role"] == "assistant"


@pytest.mark.parametrize("end", ["</think>", ""])
async def test_thoughts_after_an_answer_are_not_its_conclusion(
    server: ScriptedModel, run: Run, end: str
) -> None:
    """A text may say its answer first and think about it then."""
    server.text = lambda body: (
        f"{STEPS} <think>Or is it 70? The answer is 70.{end}" if asked(body) == "reason" else as_asked(body)
    )
    sample = await run(as_profile=THINKING).reason()
    assert sample.form is not None
    assert (sample.form.text, sample.trace) == ("72", STEPS)


async def test_channels_are_read_and_cut_off_ones_concluded(server: ScriptedModel, run: Run) -> None:
    whole = course.in_harmony("Hm. The answer is 70. No.", STEPS)
    server.text = whole
    end = await run().reason()
    assert end.form is not None
    assert (end.sampler, end.form.text, end.trace) == ("reason", "72", STEPS)
    server.chats.clear()
    server.finish_reason = "length"
    server.text = lambda body: whole.partition(" No.")[0] if asked(body) == "reason" else as_asked(body)
    end = await run().reason()
    assert end.form is not None
    assert (end.sampler, end.form.text, end.trace) == ("forced", "72", STEPS)
    assert server.chats[1]["messages"][-1]["content"].startswith("Hm. The answer is 70.\n\n")


async def test_the_question_once_more_is_no_answer(server: ScriptedModel, run: Run) -> None:
    server.text = lambda body: QUESTION if asked(body) == "reason" else as_asked(body)
    end = await run().reason()
    assert end.form is not None
    assert (end.sampler, end.form.text) == ("forced", "72")
    server.text = f"{QUESTION}\n\n{STEPS}"
    end = await run().reason()
    assert end.form is not None
    assert (end.sampler, end.form.text) == ("reason", "72")


# Programs --------------------------------------------------------------------------------------------


async def test_a_program_is_run_and_its_result_is_the_vote(server: ScriptedModel, run: Run) -> None:
    end = await run().program()
    assert end.form is not None
    assert (end.sampler, end.form.text, end.program, end.trace) == ("program", "72", PROGRAM, "")
    assert "reply with code only" in server.chats[0]["messages"][0]["content"].lower()


@pytest.mark.parametrize(
    "text",
    [
        "print(1 / 0)",
        pytest.param("while True: pass", marks=pytest.mark.thorough),  # ten seconds
        "import os\nprint(os.listdir('/'))",
        "x = [0] * 10**10",
        "I would rather not write a program.",
        "print('no', 'number', 'here'",
        "print(" + "(" * 3000 + "1" + ")" * 3000 + ")",
        "print(" + "-" * 5000 + "1)",
        "print(1" + "+1" * 5000 + ")",
        "x = " + "lambda: " * 2500 + "1",
        "\x00",
        "```",
    ],
)
async def test_a_program_that_fails_has_no_vote(server: ScriptedModel, run: Run, text: str) -> None:
    server.text = text
    samplers = run(
        as_profile=profile(program=SamplerProfile(samples=1, most=1, temperature=0, max_tokens=20_000))
    )
    end = await samplers.program()
    assert end.form is None or end.form.text in ("no number here", "5001")
    server.text = as_asked
    assert (await samplers.program()).form is not None  # and the next one is well


async def test_a_chat_model_corrects_its_program_and_reads_what_it_prints(
    server: ScriptedModel, run: Run
) -> None:
    texts = [
        "```python\nprint(clips)\n```",
        "```python\nclips = 48\nprint('so far\\n---')\n```",
        "The answer is 72.",
    ]
    server.text = lambda _: texts[len(server.chats) - 1]
    chat = profile(program=SamplerProfile(samples=1, most=1, temperature=0, max_tokens=400, turns=3))
    end = await run(as_profile=chat).program()
    assert end.form is not None
    assert (end.sampler, end.form.text, end.program) == ("program", "72", texts[1])
    first, second, third = (body["messages"] for body in server.chats)
    assert "sympy" in first[-1]["content"]
    assert "NameError: name 'clips' is not defined" in second[-1]["content"]
    assert "so far\n---" in third[-1]["content"]
    assert server.chats[0]["stop"] == ["```output"]


async def test_libraries_are_offered_where_the_sandbox_has_them(server: ScriptedModel, run: Run) -> None:
    chat = profile(program=SamplerProfile(samples=1, most=1, temperature=0, max_tokens=400, turns=3))
    samplers = run(as_profile=chat)
    await samplers.sandbox.start()  # of a kernel that confines nothing: a Python without libraries
    await samplers.program()
    assert "sympy and numpy are not at hand" in server.chats[0]["messages"][-1]["content"]
    for libraries, said in ((("sympy", "numpy"), "sympy and numpy are at hand"), (("sympy",), "sympy is at")):
        assert said in program_prompt(QUESTION, chat, libraries)[-1].content


@pytest.mark.thorough
async def test_a_program_computes_with_sympy_and_numpy(server: ScriptedModel, models: Endpoint) -> None:
    server.text = (
        "from sympy import *\nimport numpy as np\nx = symbols('x')\nprint(solve(x - np.sum([24, 48]))[0])"
    )
    async with aclosing(Sandbox()) as sandbox, Exact() as exact:
        end = await course.samplers(models, sandbox, exact).program()
    assert end.form is not None
    assert end.form.text == "72"


async def test_a_program_checks_a_solution_and_votes_for_what_it_prints(
    server: ScriptedModel, run: Run
) -> None:
    samplers = run()
    solution = await samplers.reason()
    server.text = lambda body: "print(48 + 48 // 2)" if asked(body) == "check" else STEPS
    end = await samplers.check(solution)
    assert (end.sampler, end.form, end.program) == ("check", solution.form, "print(48 + 48 // 2)")
    assert STEPS in server.chats[-1]["messages"][-1]["content"]
    server.text = "print(48 * 2)"  # another vote where it disagrees
    end = await samplers.check(solution)
    assert end.form is not None
    assert end.form.text == "96"


async def test_half_a_program_is_not_run(server: ScriptedModel, run: Run) -> None:
    server.text = "print(1)\n " * 10
    server.mode = Mode.DROP
    end = await run().program()
    assert (end.form, end.program) == (None, "")
    assert end.error


CUT_OFF = (
    "april = 48\nmay = april / 2\nprint(apr",
    "april = 48\nmay = april / 2",
    "april = 48\nmay = april / 2\nprint(april)\nThis program first takes the clips",
    "```python\napril = 48\nprint(april)\n",
    "```python\nprint(48)\n```\nOr, all of them:\n```python\nprint(48)\nprint(48 +",
    "<code>\nprint(48)\n",
)


@pytest.mark.parametrize("text", CUT_OFF)
async def test_a_program_that_its_budget_cut_off_is_not_run(
    server: ScriptedModel, run: Run, text: str
) -> None:
    words = "and so on " * 8  # as many tokens as the least budget has
    server.text, server.finish_reason = f"# {words}\n{text}", "length"
    budget = len(server.text.split(" "))
    as_profile = profile(program=SamplerProfile(samples=1, most=1, temperature=0, max_tokens=budget))
    end = await run(as_profile=as_profile).program()
    assert (end.form, end.program, end.cut) == (None, "", True)


@pytest.mark.parametrize("ended", ["```python\n{}\n```\n\nIt adds", "<code>\n{}\n</code>\n\nIt adds"])
async def test_a_whole_program_is_run_though_the_words_after_it_were_cut_off(
    server: ScriptedModel, run: Run, ended: str
) -> None:
    server.text, server.finish_reason = ended.format(PROGRAM), "length"
    end = await run().program()
    assert end.form is not None
    assert (end.form.text, end.cut) == ("72", False)  # the budget was larger: the model or server stopped


async def test_thoughts_about_a_program_are_not_run(server: ScriptedModel, run: Run) -> None:
    server.text = "<think>\nprint(70)\n"
    server.finish_reason = "length"
    end = await run(as_profile=THINKING).program()
    assert end.form is None


# Exact -----------------------------------------------------------------------------------------------


@pytest.mark.thorough
async def test_a_closed_expression_is_computed_and_no_model_asked(server: ScriptedModel, run: Run) -> None:
    end = await run(question="What is 12% of 45?").exact()
    assert end.form is not None
    assert (end.sampler, end.form.text) == ("exact", "5.4")
    assert end.trace.startswith("To find 12% of 45")
    assert await run().exact() == Sample("exact", None)
    assert server.chats == []


# What goes wrong -------------------------------------------------------------------------------------


@pytest.mark.thorough
async def test_samples_end_in_time_whatever_the_server_does(run: Run) -> None:
    async def ends(mode: Mode) -> list[Sample]:
        async with ScriptedModel(text=as_asked, mode=mode) as server:
            endpoint = Endpoint(server.base_url)
            samplers = replace(run(seconds=1.5), models=Retrying(endpoint))
            found = await asyncio.gather(samplers.reason(), samplers.program())
            await server.idle()
            await endpoint.close()
            return found

    async with asyncio.timeout(60):  # the machine may be busy; an endless wait is what would fail here
        found = dict(zip(BROKEN, await asyncio.gather(*map(ends, BROKEN)), strict=True))
    assert [end.form for mode in WORDLESS for end in found[mode]] == [None] * 2 * len(WORDLESS)
    for reason, program in found.values():
        assert STEPS.startswith(reason.trace)
        assert program.program in ("", PROGRAM)


async def test_a_sample_that_is_cancelled_leaves_nothing_running(server: ScriptedModel, run: Run) -> None:
    server.mode = Mode.HANG_IN_TEXT
    samplers = run()
    tasks = [asyncio.create_task(one) for one in (samplers.reason(), samplers.program(), samplers.reason())]
    async with asyncio.timeout(20):
        while server.running < 3:
            await asyncio.sleep(0.005)
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in ended)
    async with asyncio.timeout(20):
        await server.idle()
    assert server.hung_up == 3


# Prompts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "plain"),
    [
        (r"What is $5 \cdot 7$?", "What is 5 * 7?"),
        (r"What is \(12 \div 3\)?", "What is 12 / 3?"),
        (r"What is $\frac{1}{2} + \sqrt{49}$?", "What is (1)/(2) + the square root of 49?"),
        (r"What is $12\%$ of 45?", "What is 12% of 45?"),
        ("Ann has 3 apples.", "Ann has 3 apples."),
    ],
)
def test_questions_without_latex(question: str, plain: str) -> None:
    assert readable(question) == plain


@given(st.text(alphabet=st.sampled_from(list(r"\${}[]() frac sqrt 12 ab%,")), max_size=200))
def test_any_text_can_be_made_readable(question: str) -> None:
    assert "$" not in readable(question)
