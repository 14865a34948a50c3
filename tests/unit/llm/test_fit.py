from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from logicnet.llm import Message
from logicnet.llm.fit import estimated_tokens, fitted, shortened

QUESTION = "How many are left?"


def characters(messages: Sequence[Message]) -> int:
    return sum(len(message.content) for message in messages)


async def nobody_counts(messages: Sequence[Message]) -> int | None:
    return None


async def a_token_per_character(messages: Sequence[Message]) -> int | None:
    return characters(messages)


async def must_not_be_asked(messages: Sequence[Message]) -> int | None:
    raise AssertionError("an estimate was good enough")


async def test_what_fits_is_left_as_it_is() -> None:
    messages = [Message("user", QUESTION)]
    assert await fitted(messages, 512, 2048, must_not_be_asked) == (messages, 512)


async def test_the_answer_gives_way_first() -> None:
    messages = [Message("user", QUESTION)]
    kept, room = await fitted(messages, 2048, 2048, must_not_be_asked)
    assert kept == messages
    assert room == 2048 - estimated_tokens(messages)


async def test_near_the_limit_tokens_are_counted_not_estimated() -> None:
    async def few(messages: Sequence[Message]) -> int | None:
        return 1500

    messages = [Message("user", "word " * 700)]
    assert estimated_tokens(messages) > 1024
    assert await fitted(messages, 2048, 2048, few) == (messages, 548)


async def test_a_long_question_keeps_its_head_and_its_end() -> None:
    messages = [Message("user", f"Read this story. {'Many words. ' * 2000}{QUESTION}")]
    kept, room = await fitted(messages, 512, 2048, a_token_per_character)
    assert characters(kept) + room <= 2048
    assert room == 512
    assert kept[0].content.startswith("Read this story.")
    assert kept[0].content.endswith(QUESTION)
    assert "characters left out" in kept[0].content
    assert characters(kept) > 0.8 * (2048 - 512)  # no more is lost than has to be


async def test_only_the_long_message_is_shortened() -> None:
    messages = [Message("user", QUESTION), Message("assistant", "step " * 1000), Message("user", "And?")]
    kept, _ = await fitted(messages, 64, 2048, a_token_per_character)
    assert [kept[0], kept[2]] == [messages[0], messages[2]]
    assert len(kept[1].content) < 2048


async def test_doubt_makes_it_shorter() -> None:
    messages = [Message("user", "word " * 5000)]
    sizes = [
        characters((await fitted(messages, 64, 2048, nobody_counts, doubt=doubt))[0])
        for doubt in (1.0, 1.5, 2.25)
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[2] < 0.6 * sizes[0]


async def test_doubt_asks_even_when_an_estimate_says_it_fits() -> None:
    asked = []

    async def counting(messages: Sequence[Message]) -> int | None:
        asked.append(messages)
        return 600

    _, room = await fitted([Message("user", "7 " * 200)], 900, 1024, counting, doubt=1.5)
    assert asked
    assert room == 1024 - 600


@settings(deadline=None)
@given(
    texts=st.lists(st.text(max_size=3000), min_size=1, max_size=4),
    max_tokens=st.integers(1, 4096),
    context=st.integers(64, 4096),
)
async def test_it_always_fits(texts: list[str], max_tokens: int, context: int) -> None:
    async def four_characters_a_token(messages: Sequence[Message]) -> int | None:
        return sum(len(message.content) // 4 + 4 for message in messages)

    messages = [Message("user", text) for text in texts]
    kept, room = await fitted(messages, max_tokens, context, four_characters_a_token)
    tokens = await four_characters_a_token(kept)
    assert tokens is not None
    assert 1 <= room <= max_tokens
    assert tokens + room <= context
    assert [message.role for message in kept] == [message.role for message in messages]


@settings(deadline=None)
@given(texts=st.lists(st.text(max_size=2000), min_size=1, max_size=5), share=st.floats(0.0, 1.0))
def test_shortened_is_as_short_as_asked_but_for_the_marks(texts: list[str], share: float) -> None:
    messages = [Message("user", text) for text in texts]
    kept = shortened(messages, share)
    assert characters(kept) <= share * characters(messages) + 45 * len(texts)
    for before, after in zip(messages, kept, strict=True):
        assert after.content == before.content or "characters left out" in after.content


def test_the_mark_says_how_much_is_missing() -> None:
    text = " ".join(str(number) for number in range(1000))
    cut = shortened([Message("user", text)], 0.5)[0].content
    head, _, rest = cut.partition("\n[... ")
    left_out, _, tail = rest.partition(" characters left out ...]\n")
    assert len(head) + int(left_out) + len(tail) == len(text)
    assert text.startswith(head) and text.endswith(tail)
    assert len(tail) > len(head)
