"""Sentences: where they end, and those that say what others think."""

import re
from collections.abc import Iterator

_STOP = re.compile(r"(?<![.!?])[.!?]++[\"')\]*_]{0,4}\s++|\n\s*+")
_ALWAYS_SHORT = re.compile(
    r"(?:^|[\s(*])(?:i\.e|e\.g|z\.B|d\.h|p\.ej|cf|vs|viz|[Dd]r|[Mm]rs?|Ms|Prof|St|Mt|Sr|Sra|Fig|Eq|ca"
    r"|[Aa]pprox|bzw|resp|Rs)\.$"
)
_SHORT_BEFORE_NUMBER = re.compile(
    r"(?:^|[\s(])(?:[Nn]o|[Nn]os|Nr|[Nn]um|pp?|[Vv]ol|[Cc]h|[Ee]q|[Ss]ec|Art)\.$"
)
_INITIAL = re.compile(r"(?:^|\s)[A-Z]\.$")
_INITIALS = re.compile(r"(?:^|\s)[A-Z]\.\s+[A-Z]\.\s")
_MAYBE_SHORT = re.compile(
    r"(?:\b[A-Za-z]\.\s?[A-Za-z]|\b(?:etc|est|avg|max|min|hrs?|secs?|ft|in|yds?|lbs?|oz|sq|cu|mi|inc|co"
    r"|ltd|jr|sr"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|mon|tues?|wed|thurs?|fri|sat|sun|incl|excl|deg|usw"
    r"|uds?))\.$",
    re.IGNORECASE,
)


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text in turn. An abbreviation ends none: approx. 5, Dr. Lee, i.e. 0.25, 3 p.m."""
    start = 0
    for stop in _STOP.finditer(text):
        before, following = (
            text[max(start, stop.start() - 10) : stop.start() + 1],
            text[stop.end() : stop.end() + 1],
        )
        if text[stop.start()] == "." and (
            _ALWAYS_SHORT.search(before)
            or (
                _INITIAL.search(before)
                and _INITIALS.search(text[max(start, stop.start() - 5) : stop.end() + 3])
            )
            or (following.isdecimal() and _SHORT_BEFORE_NUMBER.search(before))
            or ((following.islower() or following.isdecimal()) and _MAYBE_SHORT.search(before))
        ):
            continue
        if sentence := text[start : stop.end()].strip():
            yield sentence
        start = stop.end()
    if sentence := text[start:].strip():
        yield sentence


_WHOLE = re.compile(r"(?<!\d)[.!?][\"')\]*_]{0,4}$|\n$")  # but "3." may have been the beginning of 3.14


def whole_sentences(text: str) -> str:
    """The beginning of a text that was cut off, up to the end of its last whole sentence or line."""
    if _WHOLE.search(text[-8:].rstrip(" ")):
        return text.rstrip()
    *_, last = ["", *sentences(text)]
    return text[: text.rindex(last)].rstrip()


def first_sentence(text: str) -> str:
    return next(sentences(text), "")


_MEASURED = re.compile(
    r"\d+(?:[.,]\d+)*+ ?(?:[^\W\d_]{1,3}/[^\W\d_]{1,3}|[^\W\d_]{2,3}|[gmsLl]|of \d+|%)"
)  # 60 km/h


def without_aside(text: str) -> str:
    """The text without a remark in brackets at its end: "42 pens (20 red and 22 blue)"."""
    bare = text.rstrip(" .*_")
    start = bare.rfind("(")
    before, remark = bare[:start].rstrip(), bare[start + 1 : -1]
    if (
        start < 1
        or not bare.endswith(")")
        or ")" in remark
        or (len(before) == start and before[-1].isascii())
    ):
        return text
    words = (
        re.match(r"(?:check|verify|because|since)\b", remark, re.IGNORECASE)
        or (re.search(r"[^\W\d_]{3}", remark) and not re.search(r"\bmod\b|\bsqrt\b|[\\=]", remark))
        or (_MEASURED.fullmatch(remark) and not before[-1].isdecimal())
    )
    return before if words and re.search(r"[\w*%°²³$)]$", before) else text


_OF_OTHERS = re.compile(
    r"\b(?:(?:some|many|people|others|one|you|they|students|someone)(?: (?:people|of them|students))?"
    r" (?:(?:might|may|would|could|will|often|first|mistakenly|wrongly) ){0,3}"
    r"(?:says?|thinks?|believes?|claims?|guess|argues?|assumes?)"
    r"(?: that)? (?:the (?:\w+ )?(?:answer|result|total)|it|this)\b"
    r"|\b(?:wrong|incorrect|false|naive|tempting|mistaken) answer (?:is|was|would be)\b)"
    r"(?:[^.,;!?\n]|[.,](?=\d)){0,120}(?:[.,;!?]+(?=\s|$)|$)\s*(?:but\b)?",
    re.IGNORECASE,
)


_THOUGHT = re.compile(
    r"</(?:think|thinking|thought|reasoning)>|\[/THINK\]|<\|channel\|>final(?:<\|message\|>)?|<\|begin_of_solution\|>",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"<\|[a-z_]{1,40}\|>|</s>|<end_of_turn>", re.IGNORECASE)


def spoken(text: str) -> str:
    """The text without the thoughts before it and a model's control tokens, unless it says no more."""
    if "<" in text or "[/" in text:
        *_, last = _THOUGHT.split(text)
        said = _CONTROL.sub(" ", last)
        return said if re.search(r"\w", said) else text
    return text


def own_words(text: str) -> str:
    """The text without what it says that others think, unless it says no more."""
    own = _OF_OTHERS.sub("", text)
    return own if re.search(r"\w", own) else text


_CHECK = re.compile(
    r"\W{0,9}(?:(?:to|let me|let's|let us|we can|you can|we|now|and|as a|quick|just|i) ?){0,4}"
    r"(?:double[- ]?check|check|verif(?:y|ication|ying)|proof)\b"
    r"|\W{0,9}this (?:checks|confirms|matches|agrees)\b",
    re.IGNORECASE,
)
_OFFER = re.compile(r"\W{0,9}(?:let me know|i hope|hope (?:this|that|it)|feel free)\b", re.IGNORECASE)
_CONCLUDES = re.compile(
    r"\W{0,9}(?:so|thus|therefore|hence|then|finally|in conclusion|in total|altogether)\b", re.IGNORECASE
)


def without_check(parts: list[str]) -> list[str]:
    """The sentences without the check of a result, and the courtesies, that a text ends in."""
    kept = list(parts)
    while len(kept) > 1 and _OFFER.match(kept[-1]):
        kept.pop()
    for place in range(len(kept) - 1, 0, -1):
        if _CONCLUDES.match(kept[place]):
            break
        before = kept[place - 1]
        concluded = _CONCLUDES.match(before) or re.search(
            r"=|\*\*|\b(?:in total|in all|altogether)\b", before
        )
        if _CHECK.match(kept[place]) and concluded and re.search(r"\d|\$", before):
            return kept[:place]
    return kept
