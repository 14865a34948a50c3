"""Special tokens: marks of a chat template that a server failed to take out of a model's text.

A server that does not know a model's end of turn sends it as text ("24.<turn|>"), and everything that the
model writes after it, for other roles. Neither is part of the answer.
"""

import re

from logicnet.llm.thinking import harmony

_OTHERS = "eos|bos|pad|unk|eop|sop|eoa|eoh|EOS_TOKEN|BOS_TOKEN|PAD|UNK|seed:eos|seed:bos|seed:pad"
_ENDS = re.compile(
    r"<\|(?:im_end|endoftext|eot_id|eom_id|eot|eom|end_of_text|end_of_turn|return|call|user_end|assistant_end"
    r"|hy_eos|END_OF_TURN_TOKEN|END_RESPONSE|EOT|endofprompt)\|>"  # ChatML, Llama 3 and 4, Granite, Cohere
    r"|<\uff5cend\u2581of\u2581sentence\uff5c>"  # DeepSeek
    r"|<end_of_turn>|<turn\|>|<eos>|<EOS_TOKEN>|<eoa>|<seed:eos>|\[\|endofturn\|\]"  # Gemma, others
    r"|</s>(?=\s*+(?:<s>|\[INST\]|<\||\Z))"  # Llama 2, Mistral; in HTML it ends what is struck through
)
"""Tokens that end a turn. What follows is not the answer."""

_END = re.compile(r"<\|end\|>(?=\s*+(?:<\||\Z))")  # of Phi's turn, and of each of harmony's messages
_ANY = re.compile(
    r"<[|\uff5c][\w\u2581]{1,40}[|\uff5c]>|<\|[a-z_]{1,40}>|<[a-z_]{1,40}\|>|<(?:start|end)_of_turn>"
    rf"|<(?:{_OTHERS})>|</?s>|\[/?(?:INST|SYSTEM_PROMPT|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS)\]"
    r"|<</?SYS>>|\[\|(?:endofturn|assistant|user|system)\|\]|\[gMASK\]"
)
_ROLE = re.compile(r"(?:assistant|model)(?=[ \t]*+(?:\n|<|\Z))")
"""Whose turn a token opens, as it stands behind it."""

_SPACE = re.compile(r"\s*+")
_MOST_AT_EDGES = 20
_LONGEST = 60  # characters of a special token, with spaces


def spoken(text: str) -> str:
    """The text of the model's own turn, without the special tokens at its edges.

    Of a text in harmony's messages the final one counts, else what the others hold.
    """
    if "<" not in text and "[" not in text:
        return text
    if messages := harmony(text):
        final = [body for channel, body in messages if channel == "final"]
        text = "\n\n".join(part for part in final[-1:] or [body for _, body in messages] if part)
    for _ in range(_MOST_AT_EDGES):
        start = _SPACE.match(text)
        opening = _ANY.match(text, start.end() if start else 0)
        if opening is None:
            break
        text = text[opening.end() :]
        if role := _ROLE.match(text):
            text = text[role.end() :]
    for pattern in (_ENDS, _END):
        if found := pattern.search(text):
            text = text[: found.start()]
    for _ in range(_MOST_AT_EDGES):
        bare = text.rstrip()
        closing = list(_ANY.finditer(bare, max(0, len(bare) - _LONGEST)))[-1:]
        if not closing or closing[0].end() < len(bare):
            break
        text = bare[: closing[0].start()]
    return text
