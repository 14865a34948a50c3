"""Which datasets of reasoning-gym 0.1.25 are asked, how their answers are checked, and why others are not.

Each was drawn from at its first levels in two processes with other hash seeds, time zones and locales.
Left out is what did not come out the same, what takes no short answer in one line, or what is no fair
question; `_gym_truths` mends single truths, and leaves out questions without one. Where a dataset's own
checker demands equal text, ours also reads `The answer is 5.`; where it evaluates the answer as code, ours
does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class GymTask:
    """One dataset."""

    most: int
    """Its hardest level that is asked, from 0: beyond it texts, answers or waits grow too long."""

    check: str = ""  # empty: the one that fits the truth; "gym": its own
    arguments: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()  # of its metadata: by name, for our check or its own


def _own(most: int, *needs: str) -> GymTask:
    return GymTask(most, "gym", needs=needs)


KINDS: Mapping[str, Mapping[str, GymTask]] = {
    "algebra": {
        "complex_arithmetic": GymTask(1, "complex_is", {"places": 2}),
        "polynomial_equations": GymTask(2, "collection_is", {"places": 2}),
        "simple_equations": GymTask(3),
        "simple_integration": GymTask(2, "mathematics"),
    },
    "algorithmic": {
        "ab": GymTask(1, "words_are"),
        "base_conversion": GymTask(3, "numeral_is", needs=("target_base",)),
        "binary_alternation": GymTask(1),
        "caesar_cipher": GymTask(0, "words_are"),
        "count_primes": GymTask(3),
        "cryptarithm": _own(1, "words_letters", "result_letters", "allow_leading_zero"),
        "letter_counting": GymTask(3),
        "palindrome_generation": _own(0, "letters"),
        "rotten_oranges": GymTask(0),
        "spell_backward": GymTask(3, "words_are"),
        "string_insertion": GymTask(0, "words_are"),
        "string_manipulation": GymTask(0, "words_are"),
        # Beyond, 1,000 rules are not enough, and its text is open what counts as one.
        "string_splitting": GymTask(1, "sequence_is"),
        "string_synthesis": GymTask(2, "sequence_is"),
        "word_sorting": GymTask(0, "words_are"),
    },
    "arithmetic": {
        "basic_arithmetic": GymTask(3),
        "bitwise_arithmetic": GymTask(3, "numeral_is", {"base": 16}),
        "calendar_arithmetic": GymTask(3),
        "chain_sum": GymTask(3),
        "count_bits": GymTask(3),
        # It rounds after each step, to as few as six digits.
        "decimal_arithmetic": GymTask(3, "number_is", {"within": 5e-5}),
        "decimal_chain_sum": GymTask(3),
        "dice": GymTask(3),
        "fraction_simplification": _own(
            3, "numerator", "denominator", "simplified_numerator", "simplified_denominator"
        ),
        "gcd": GymTask(3),
        "gsm_symbolic": GymTask(0),
        "lcm": GymTask(3),
        "leg_counting": GymTask(3),
        "power_function": GymTask(3, "number_is", {"within": 0.005}),
        "prime_factorization": GymTask(3, "factors_are"),
        "products": GymTask(3),
    },
    "cognition": {"color_cube_rotation": GymTask(1), "number_sequence": GymTask(1)},
    "games": {
        "countdown": GymTask(1, "expression_gives", needs=("target", "numbers")),
        "mahjong_puzzle": GymTask(0),
        "maze": GymTask(1),
        "puzzle24": GymTask(3, "expression_gives", {"target": 24}, needs=("numbers",)),
    },
    "geometry": {"advanced_geometry": GymTask(3, "sequence_is", {"places": 3})},
    "graphs": {
        "course_schedule": GymTask(1),
        "family_relationships": GymTask(3, "words_are"),
        "largest_island": GymTask(1),
        "path_star": GymTask(3, "sequence_is"),
        "shortest_path": _own(0, "matrix"),
    },
    "induction": {"acre": GymTask(0, "words_are"), "list_functions": GymTask(0, "sequence_is")},
    "logic": {
        "aiw": GymTask(3),
        "circuit_logic": GymTask(0),
        "knights_knaves": _own(3),
        "self_reference": GymTask(0),
        "zebra_puzzles": GymTask(2, "words_are"),
    },
    "probability": {"coin_flip": GymTask(3, "number_is", {"places": 4})},
}
"""By topic, which is reasoning-gym's own category."""

_GRIDS = (
    *("arc_1d", "arc_agi", "binary_matrix", "futoshiki", "game_of_life", "kakurasu", "manipulate_matrix"),
    *("mini_sudoku", "modulo_grid", "n_queens", "pool_matrix", "rearc", "rotate_matrix", "sudoku", "survo"),
)
_LONG = (
    *("group_anagrams", "letter_jumble", "number_filtering", "number_sorting", "palindrome_partitioning"),
    *("spiral_matrix", "tower_of_hanoi", "word_sequence_reversal"),
)
_OPEN = ("boxnet", "graph_color", "propositional_logic", "rubiks_cube", "rush_hour")
_UNORDERED = ("isomorphic_strings", "polynomial_multiplication", "ransom_note", "word_ladder")

LEFT_OUT: Mapping[str, str] = {
    **dict.fromkeys(_GRIDS, "its answers are grids"),
    **dict.fromkeys(_LONG, "its answers are whole sentences or long lists"),
    **dict.fromkeys(_OPEN, "it has no one answer to compare with, and a validator would need one"),
    **dict.fromkeys(_UNORDERED, "its questions differ from process to process, for it walks through sets"),
    "bf": "its hardest programs run for seconds, and its easy ones are read off",
    "codeio": "it runs programs, and asks for their input in thousands of characters",
    "composite": "it only mixes other datasets, which recipes do",
    "emoji_mystery": "its text is hidden in invisible characters, which no persona would rephrase",
    "figlet_font": "its questions are drawings in characters",
    "game_of_life_halting": "its checker takes any answer, and its harder levels repeat one question",
    "intermediate_integration": "its checker evaluates the answer as code, and no other compares the forms",
    "jugs": "its answers are lists of 15 moves, and its harder levels do not end",
    "knight_swap": "its own levels are refused by its own configuration",
    "needle_haystack": "its questions are thousands of characters long",
    "number_format": "its truths carry float noise that the numbers in its questions do not",
    "quantum_lock": "by its text every press toggles the light, by its truths only a press that counts",
    "rectangle_count": "its questions are drawings of 6,800 characters",
    "sentence_reordering": "many orders of its words make a sentence, and it knows one",
    "simple_geometry": "its convex polygons have angles such as 331 degrees",
    "sokoban": "its easiest level does not end, and its hard ones take seconds",
    "syllogism": "by its truths 'all A are B' means that there is an A, which today's logic denies",
    "time_intervals": "it builds on today's date and the machine's time zones",
    "tsumego": "its truth is the capture that it planted, which need not be the best move",
}
