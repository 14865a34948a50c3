"""Chat templates: plain formats pass, programs do not."""

import json

import pytest

from logicnet.tuning.compete.templates import MOST_CHARACTERS, code_in, templates_of
from tests.harness.model_folder import TEMPLATE

QWEN = """
{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n\\n' }}{%- endif %}
    {%- for tool in tools %}{{- "\\n" }}{{- tool | tojson }}{%- endfor %}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and
        not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}{%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}{%- set content = message.content %}
    {%- else %}{%- set content = '' %}{%- endif %}
    {%- if '</think>' in content %}
        {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1] %}
    {%- endif %}
    {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}
    {%- if message.tool_calls %}{%- for one in message.tool_calls %}{{- one.function.name }}{%- endfor %}
    {%- endif %}
{%- endfor %}
"""

MISTRAL = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + eos_token}}{% endgeneration %}"
    "{% endif %}{% endfor %}"
)

MACROS = (
    "{% macro render(name, extra=false) %}{{ name | upper | trim }}{% endmacro %}"
    "{% for message in messages %}{% if loop.first %}{% continue %}{% endif %}"
    "{{ render(message['role']) }}{{ strftime_now('%d %b %Y') }}"
    "{{ message['content'] | selectattr('type', 'equalto', 'text') | map(attribute='text') | join }}"
    "{% endfor %}"
)


@pytest.mark.parametrize(
    "template", [TEMPLATE, QWEN, MISTRAL, MACROS, "", "plain text", "{{ '{} {}'.format(1, 2) }}"]
)
def test_a_format_is_no_program(template: str) -> None:
    assert code_in(template) == []


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "reaches __"),
        ("{{ messages['__class__'] }}", "reaches __class__"),
        ("{{ ''|attr('__class__') }}", "by the filter attr"),
        ("{{ ''|attr('__cla' ~ 'ss__') }}", "by the filter attr"),
        ("{{ [messages]|map(attribute='__class__')|list }}", "by the filter map"),
        ("{{ [messages]|map(attribute='x.__class__')|list }}", "by the filter map"),
        ("{{ cycler.__init__.__globals__.os.popen('id').read() }}", "reaches __init__"),
        ("{{ '{0.__class__}'.format(messages) }}", "reach an attribute by a format"),
        ("{{ ('{0.__cla' ~ 'ss__}').format(messages) }}", "reach an attribute by a format"),
        ("{{ lipsum() }}", "calls lipsum"),
        ("{{ messages[0].run('x') }}", "calls run"),
        ("{{ messages[0]['f']() }}", "calls a value"),
        ("{% include 'other' %}", "loads another template"),
        ("{% import 'other' as o %}", "loads another template"),
        ("{% extends 'other' %}", "loads another template"),
        ("{% for", "cannot be read"),
        ("{{ " + "(" * 5000, "cannot be read"),
        (
            "{% for a in range(9) %}{% for b in range(9) %}{% if a*b == 6 and a//b == 2 and a%b == 0 "
            "and a*a == 9 and b*b == 4 %}{{ a }}{% endif %}{% endfor %}{% endfor %}",
            "multiplies or divides 5 times",
        ),
        ("x" * (MOST_CHARACTERS + 1), "100,001 characters"),
    ],
)
def test_a_program_is_found(template: str, says: str) -> None:
    assert any(says in one for one in code_in(template)), code_in(template)


def test_templates_are_found_wherever_transformers_looks() -> None:
    several = [{"name": "default", "template": "a"}, {"name": "tool_use", "template": "b"}, {"name": "none"}]
    found = templates_of(
        {
            "tokenizer_config.json": json.dumps({"chat_template": several}),
            "chat_template.json": json.dumps({"chat_template": "c"}),
            "chat_template.jinja": "d",
            "config.json": json.dumps({"chat_template": "not here"}),
        }
    )
    assert sorted(found.values()) == ["a", "b", "c", "d"]
    assert templates_of({"tokenizer_config.json": "{"}) == {}
    assert templates_of({"tokenizer_config.json": "[" * 100_000}) == {}
