"""Templates are data: each asks in Vietnamese, and its target is read back as the two outputs."""

import pytest

from logicnet.errors import SettingsError
from logicnet.tuning.amr import grammar
from logicnet.tuning.amr.corpus import AmrSentence
from logicnet.tuning.amr.graphs import read_graph
from logicnet.tuning.amr.templates import DEFAULT, AmrTemplate, template_of, templates

SENTENCES = [AmrSentence(text, read_graph(graph)) for text, graph in grammar.sentences(40)]


def test_the_five_documented_names():
    assert list(templates()) == ["v1_formal", "v2_natural", "v3_instructional", "v4_compact", "v5_cot"]
    assert DEFAULT == "v2_natural"
    with pytest.raises(SettingsError, match="did you mean v5_cot"):
        template_of("v5-cot")


@pytest.mark.parametrize("name", list(templates()))
def test_a_target_is_read_back(name):
    template = template_of(name)
    for one in SENTENCES:
        assert one.text in template.ask(one.text)
        found = template.outputs(template.target(one))
        assert (found.bare, found.graph) == (one.graph.bare, one.graph.text)
    assert len({template.ask(one.text) for one in SENTENCES}) == len(SENTENCES)


def test_only_the_chain_of_thought_lists_the_concepts_first():
    (one, *_) = SENTENCES
    assert template_of("v5_cot").target(one).index(", ".join(one.graph.concepts)) > 0
    assert ", ".join(one.graph.concepts) not in template_of("v2_natural").target(one)


def test_an_answer_that_lacks_an_output():
    template = template_of("v4_compact")
    assert template.outputs("T1:\n(a)").graph is None
    assert template.outputs("T2:\n(a / b)").bare is None
    assert template.outputs("no idea") == template.outputs("")


def test_a_template_needs_the_sentence():
    with pytest.raises(ValueError, match=r"\{sentence\} once"):
        AmrTemplate(name="x", prompt="AMR:", task1="1", task2="2")
