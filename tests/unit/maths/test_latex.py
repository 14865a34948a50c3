"""LaTeX in a calculator's notation."""

from logicnet.maths.latex import undressed


def test_a_matrix_is_rows_in_brackets() -> None:
    assert undressed(r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}") == "[[1 , 2], [3 , 4]]"


def test_a_matrix_that_does_not_end_leaves_the_next_one_its_own_start() -> None:
    assert undressed(r"\begin{matrix} 7 \begin{matrix} 1 \end{matrix}") == r"\begin{matrix} 7 [[1]]"


def test_many_starts_of_a_matrix_are_read_once() -> None:
    starts = r"\begin{matrix}" * 50_000  # minutes, if each start were followed to the end of the text
    assert undressed(starts) == starts


def test_many_starts_of_cases_are_read_once() -> None:
    starts = r"\begin{cases}" * 50_000
    assert undressed(starts) == starts
