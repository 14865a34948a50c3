"""Graphs: what is read, joined and refused, and the form without variables."""

import pytest

from logicnet.errors import SettingsError, TuningError
from logicnet.tuning.amr import grammar
from logicnet.tuning.amr.corpus import read_corpus
from logicnet.tuning.amr.graphs import BadGraph, read_bare, read_graph


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no graph"),
        ("ăn cơm", "no graph"),
        ("(a / ăn :theme (c / cơm)", "not PENMAN at line 1"),
        ("(a / ăn))", "brackets do not match"),
        ("(a / ăn) (b / uống)", "two graphs"),
        ("(a / ăn) vâng", "after its last bracket"),
        ("(a / ăn :theme)", "the role :theme of a leads to nothing"),
        ("(a / ăn :theme :time nay)", "the role :theme"),
        ("(a)", "the node a has no concept"),
        ("(a / ăn :theme (c))", "the node c has no concept"),
        ("(a / ăn :theme (a / cơm))", "the variable a names two nodes"),
        ('(a / ăn :name "cơm)', "not PENMAN"),
        ("(" * 5000, "not PENMAN|nested"),
        ("(a / b :c " * 5000 + ")" * 5000, "nested|not PENMAN"),
    ],
)
def test_a_malformed_graph_is_one_line_that_says_what_is_wrong(text, words):
    with pytest.raises(BadGraph, match=words) as found:
        read_graph(text)
    assert "\n" not in str(found.value)


def test_concepts_written_with_a_space_are_joined_and_counted():
    graph = read_graph('(b / bi kịch\n  :domain(c / chỗ đứng :name "a / b c" :quant 3))')
    assert graph.joined == 2
    assert graph.text == '(b / bi_kịch :domain (c / chỗ_đứng :name "a / b c" :quant 3))'
    assert read_graph(graph.text).joined == 0
    assert read_bare("(bi kịch :domain (chỗ))").joined == 1


def test_coreference_and_inverted_roles_survive():
    text = "(m / muốn :agent (t / tôi) :topic (g / gặp :agent t :theme (n / người :agent-of (h / hát))))"
    graph = read_graph(text)
    assert graph.text == text
    assert ("h", ":agent", "n") in graph.triples
    assert ("g", ":agent", "t") in graph.triples
    assert graph.bare == "(muốn :agent (tôi) :topic (gặp :agent (tôi) :theme (người :agent-of (hát))))"
    assert graph.concepts == ("muốn", "tôi", "gặp", "người", "hát")
    assert read_bare(graph.bare).bare == graph.bare


def test_every_sentence_of_the_grammar_is_another_one_with_a_graph_that_is_read():
    found = grammar.sentences(10_000)
    assert len({text for text, _ in found}) == len(found) == 648
    assert all(read_graph(graph).text == graph for _, graph in found)
    assert grammar.sentences(60, 3) == grammar.sentences(60, 3) != grammar.sentences(60, 4)


def test_a_corpus_is_read_by_blocks(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text(
        "# made by hand\n#::snt tôi ăn cơm .\n(a / ăn\n  :agent (t / tôi)\n  :theme (c / cơm trắng))\n\n"
        "# ::snt nó ngủ\n# ::save-date today\n(n / ngủ :agent (o / nó))\n"
    )
    corpus = read_corpus([file])
    assert [one.text for one in corpus.sentences] == ["tôi ăn cơm .", "nó ngủ"]
    assert (corpus.joined, corpus.refused) == (1, ())


def test_a_malformed_graph_of_a_corpus_is_named_with_its_line(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("#::snt tôi ăn\n(a / ăn)\n\n#::snt tôi ngủ\n(n / ngủ :agent (t / tôi)\n")
    with pytest.raises(TuningError, match=r"a\.txt, line 4: not PENMAN.*--skip-bad"):
        read_corpus([file])
    corpus = read_corpus([file], skip_bad=True)
    assert (len(corpus.sentences), len(corpus.refused)) == (1, 1)
    file.write_text("(a / ăn)\n")
    with pytest.raises(TuningError, match="no sentence with a graph"):
        read_corpus([file])
    file.write_bytes("#::snt tôi ăn".encode("utf-16"))
    with pytest.raises(SettingsError, match="not UTF-8"):
        read_corpus([file])
    with pytest.raises(SettingsError, match="No such file"):
        read_corpus([tmp_path / "none.txt"])
