"""Formulas for people."""

from html.parser import HTMLParser

import pytest

from logicnet.maths.mathml import as_html, as_line

HOSTILE = (
    r"$\text{<img src=x onerror=alert(1)>}$",
    r"$\text{&lt;img src=x onerror=alert(1)&gt;}$",
    r"$\href{javascript:alert(1)}{x}$",
    r"$\style{background:url(//x)}{x} \class{chart}{y}$",
    r"\[ <script>alert(1)</script> \]",
    "<img src=x onerror=alert(1)> $x$ <b>",
    r"\begin{align}<svg onload=alert(1)>\end{align}",
    r"$\color{red;background:url(x)}{x}$",
)


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: set[str] = set()
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize(
    ("text", "elements", "words"),
    [
        (r"Half: $\frac{1}{2}$.", {"mfrac"}, "Half: 12."),
        (r"\(x^{2}\) and \[\sqrt{y}\]", {"msup", "msqrt"}, "x2 and y"),
        (r"$$a \le b$$", {"math"}, "a≤b"),
        (r"\begin{aligned} a &= b \\ c &= d \end{aligned}", {"mtable"}, "a=bc=d"),
        (r"\frac{3}{4}", {"mfrac"}, "34"),
        ("Only $x$ is a formula.", {"mi"}, "Only x is a formula."),
    ],
)
def test_formulas_are_drawn_wherever_they_stand(text: str, elements: set[str], words: str) -> None:
    found = Elements(as_html(text))
    assert found.open == [] and elements <= found.seen
    assert found.words.replace("\u00a0", " ") == words


@pytest.mark.parametrize(
    "text",
    [
        "$5 and $7",
        "It costs $5 a day or 9 $ a week",
        "a $ b",
        "$",
        "$$",
        r"\$5 or \$6",
        r"\( open",
        "x^2 < y & z",
    ],
)
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    found = Elements(as_html(text))
    assert found.words == as_line(text) == text
    assert not found.seen


def test_a_sentence_with_a_macro_is_words() -> None:
    text = "The answer is\n\n" + r"thus \boxed{\frac{1}{2}} as we said" + "\n"
    assert as_html(text) == as_line(text) == "The answer is\n\nthus (1/2) as we said\n"
    assert as_line(r"What is $\frac{1}{2} \cdot 6$?") == "What is (1/2) * 6?"


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_an_element_a_link_or_a_style(text: str) -> None:
    found = Elements(as_html(text))
    assert found.open == []
    assert not found.seen & {"img", "script", "svg", "b", "a"}
    assert not found.attributes & {"href", "style", "class", "mathcolor", "onerror", "onload"}


@pytest.mark.parametrize("formula", [r"\newcommand{\a}{xx}\a", r"\def\a{xx}\a", r"\frac{", "{_{_{" * 150])
def test_what_defines_macros_or_is_broken_stays_text(formula: str) -> None:
    assert Elements(as_html(f"${formula}$")).words == formula


@pytest.mark.parametrize(
    "part", ["$a", r"\(", "$$", r"\frac ", r"\begin{align}", "$x$", "{^{_", "\\", "$\\frac{"]
)
def test_every_text_of_a_question_s_length_is_read(part: str) -> None:
    text = part * (20_000 // len(part))
    assert Elements(as_html(text)).open == []
    assert as_line(text)


def test_a_long_text_of_formulas_is_drawn_in_part() -> None:
    """A question has up to 256 KiB, and its page is made anew every second while it is being solved."""
    shown = as_html("$x^2$ " * 40_000)
    assert 1000 < shown.count("<math") < 5000
    assert len(shown) < 2_000_000
    assert shown.count("x^2") + shown.count("<msup") == 40_000
