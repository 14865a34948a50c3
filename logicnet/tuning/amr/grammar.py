"""Vietnamese sentences with their AMR graphs, by a small grammar of our own: the pipeline without a corpus.

With coreference (one who wants is the one who acts), negation, and inverted roles (relative clauses). Only
the standard library; the same for a seed.
"""

import random
from collections.abc import Iterator
from itertools import product

PEOPLE = ("cậu bé", "cô giáo", "người nông dân", "bác sĩ", "chị gái", "ông lão")
ACTS = {
    "ăn": ("quả táo", "bát cơm", "cái bánh"),
    "đọc": ("quyển sách", "tờ báo", "bức thư"),
    "mua": ("con cá", "chiếc xe", "bó hoa"),
}
PLACES = ("ở chợ", "ở nhà", "ở trường")
FORMS = ("plain", "wants", "negated", "relative")


def sentences(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """`count` different sentences, each with its graph in PENMAN; at most 648."""
    found = list(_all())
    random.Random(seed).shuffle(found)  # noqa: S311 (no secret)
    return found[:count]


def blocks(count: int, seed: int = 0) -> str:
    """The same as a file of a corpus."""
    return "".join(f"#::snt {text}\n{graph}\n\n" for text, graph in sentences(count, seed))


def _all() -> Iterator[tuple[str, str]]:
    things = [(act, thing) for act, objects in ACTS.items() for thing in objects]
    for form, who, (act, thing), place in product(FORMS, PEOPLE, things, PLACES):
        person, object_, where = (one.replace(" ", "_") for one in (who, thing, place.removeprefix("ở ")))
        agent, theme, at = f"(n / {person})", f":theme (v / {object_})", f":place (c / {where})"
        capital = who[0].upper() + who[1:]
        match form:
            case "plain":
                yield f"{capital} {act} {thing} {place}.", f"(a / {act} :agent {agent} {theme} {at})"
            case "wants":
                inner = f"(a / {act} :agent n {theme} {at})"
                yield f"{capital} muốn {act} {thing} {place}.", f"(m / muốn :agent {agent} :topic {inner})"
            case "negated":
                graph = f"(a / {act} :polarity - :agent {agent} {theme} {at})"
                yield f"{capital} không {act} {thing} {place}.", graph
            case _:
                graph = (
                    f"(t / thấy :agent (i / tôi) :theme (n / {person} :agent-of (a / {act} {theme} {at})))"
                )
                yield f"Tôi thấy {who} {act} {thing} {place}.", graph
