"""Chat templates by name, and one for base models without any: what trains and what measures use the same."""

from typing import Any

PLAIN_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.role == 'assistant' %}{{ message.content + eos_token + '\n' }}"
    "{% else %}{{ message.content + '\n' }}{% endif %}"
    "{% endfor %}"
)
"""For a base model without a template: turns on lines of their own, an answer ends with the end token."""

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

LLAMA3 = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + message.content + '<|eot_id|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)

_NAMED = {"chatml": CHATML, "llama3": LLAMA3}


def template_of(asked: str) -> str:
    """The template that `asked` names, or is. Raises ValueError for a name that is not known."""
    if asked not in _NAMED and "{" not in asked:
        raise ValueError(
            f"chat_template {asked!r:.80} is not known: use {', '.join(_NAMED)} or a Jinja template"
        )
    return _NAMED.get(asked, asked)


def set_template(tokenizer: Any, asked: str | None) -> str | None:
    """Give a tokenizer the template `asked`: a name or Jinja; None keeps its own.

    Returns a warning if it had none and got the plain one. Raises ValueError for a name that is not known.
    """
    if asked is not None:
        tokenizer.chat_template = template_of(asked)
    elif tokenizer.chat_template is None:
        begins = tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]
        tokenizer.chat_template = ("{{ bos_token }}" if begins else "") + PLAIN_TEMPLATE
        return "the base model has no chat template: turns become lines, without roles"
    return None
