"""Rows of CSV, JSON and JSON lines, good and bad, and the memory that they take."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from logicnet.tuning.data import reading
from logicnet.tuning.data.checking import BadDataset, Faults
from logicnet.tuning.data.reading import rows_of

ROWS = [{"a": "eins, zwei", "b": 'sagt "x"\nund y'}, {"a": "ü 漢 🙂", "b": "]}{["}]


def read(path: Path) -> list[dict[str, object]]:
    faults = Faults(str(path))
    found = [row for _, row in rows_of(path, faults)]
    faults.refuse()
    return found


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", 'a,b\r\n"eins, zwei","sagt ""x""\nund y"\r\n\r\nü 漢 🙂,]}{[\r\n'),
        ("x.tsv", 'a\tb\neins, zwei\t"sagt ""x""\nund y"\nü 漢 🙂\t]}{[\n'),
        ("x.jsonl", "\n".join(json.dumps(row) for row in ROWS) + "\n\n"),
        ("x.ndjson", "\r\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)),
        ("x.json", json.dumps(ROWS)),
        ("X.JSON", json.dumps(ROWS, ensure_ascii=False, indent=3)),
        ("lines.json", "\n".join(json.dumps(row) for row in ROWS)),
    ],
)
def test_every_format_gives_the_same_rows(tmp_path, name, content, bom):
    assert read(written(tmp_path, name, bom + content.encode())) == ROWS


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1 << 20])
def test_where_a_list_is_cut_into_chunks_does_not_matter(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(reading, "_CHUNK", chunk)
    path = written(tmp_path, "x.json", json.dumps(ROWS * 3, ensure_ascii=False, indent=1))
    assert read(path) == ROWS * 3


def test_an_empty_list_and_an_empty_file_have_no_rows(tmp_path):
    for name, content in (("a.json", " [ ] "), ("b.jsonl", ""), ("c.csv", ""), ("d.csv", "a,b\n")):
        assert read(written(tmp_path, name, content)) == []


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.jsonl", b'{"a": "1"}\n{"a": \n', r"line 2: not JSON"),
        ("x.jsonl", b'{"a": "1"}\n\n[1]\n"x"', r"line 3: takes a JSON object, has '\[1\]'; line 4: takes"),
        ("x.jsonl", b'{"a": "1"}\n{"a": "\xe4"}', r"line 2: not UTF-8 \(byte 0xe4\).*iconv"),
        ("x.jsonl", b'{"a": NaN}', r"line 1: not JSON"),
        ("x.jsonl", b'{"a": "\\ud800"}', r"line 1: not JSON"),
        ("x.json", b'[{"a": 1},\n {"a" 2}]', r"not JSON at line 2 \(Expecting ':' delimiter\)"),
        ("x.json", b'[\n{"a": 1}\n{"a": 2}]', r"not JSON at line 3: takes a comma or \] after row 1"),
        ("x.json", b'[{"a": 1},\n', r"not JSON at line 2"),
        ("x.json", b'[{"a": 1}', r"not JSON at line 1: takes a comma"),
        ("x.json", b'[{"a": NaN}]', r"not JSON at line 1 \(NaN is not JSON\)"),
        ("x.json", b'[{"a": "x"},\n\n{"a": "\xfc"}]', r"line 3: not UTF-8 \(byte 0xfc\)"),
        ("x.json", b"[" * 100_000, r"not JSON at line 1"),
        ("x.json", b"[1, 2]", r"row 1: takes a JSON object, has '1'; row 2"),
        ("x.json", b'{\n "data": []\n}', r"holds one object: write a list of rows"),
        ("x.json", b"\x80\x04\x95", r"line 1: not UTF-8"),
        ("x.csv", b"a,b\n1,2\n3\n", r"row 2 \(line 3\): has 1 values, the header 2"),
        ("x.csv", b"a,a\n1,2\n", r"the header has 'a' twice"),
        ("x.csv", b'a,b\n1,"2\n', r"not CSV at line 2"),
        ("x.csv", b"a,b\n1,2\n3,\xe9\n", r"line 3: not UTF-8 \(byte 0xe9\)"),
        ("x.csv", "a,b\n1,2\n".encode("utf-16"), r"line 1: not UTF-8 \(byte 0xff\)"),
        ("x.parquet", b"PAR1", r"does not end in .csv"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, name, content, says):
    with pytest.raises(BadDataset, match=says) as error:
        read(written(tmp_path, name, content))
    assert "\n" not in str(error.value)


def test_many_faults_are_counted_and_the_first_are_named(tmp_path):
    with pytest.raises(BadDataset, match=r"line 5: .*; and 995 more; mend these rows") as error:
        read(written(tmp_path, "x.jsonl", "?\n" * 1000))
    assert len(str(error.value)) < 600


def test_a_row_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MOST_ROW_BYTES", 1000)
    monkeypatch.setattr(reading, "_CHUNK", 100)
    for name, content in (
        ("x.jsonl", '{"a": "' + "x" * 5000),
        ("x.csv", 'a\n"' + "x" * 5000),
        ("x.json", '[{"a": "' + "x" * 5000),
        ("y.json", '[{"a": "' + "x\\n" * 9000),
    ):
        with pytest.raises(BadDataset, match="line"):
            read(written(tmp_path, name, content))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadDataset, match="does not exist"):
        read(tmp_path / "x.csv")


def test_of_a_folder_the_files_to_train_on_are_read(tmp_path):
    (tmp_path / "data").mkdir()
    written(tmp_path, "dataset_infos.json", "{}")
    written(tmp_path, "data/train-2.jsonl", '{"a": "2"}')
    written(tmp_path, "data/train-1.jsonl", '{"a": "1"}')
    written(tmp_path, "data/test.jsonl", '{"a": "0"}')
    assert read(tmp_path) == [{"a": "1"}, {"a": "2"}]


def test_a_folder_without_rows_says_what_it_has(tmp_path):
    written(tmp_path, "train.parquet", "PAR1")
    with pytest.raises(BadDataset, match=r"it has \.parquet"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["x.csv", "x.json", "x.jsonl"])
def test_memory_is_that_of_a_row_not_of_the_file(tmp_path, name):
    path, row = tmp_path / name, {"a": "x" * 10_000, "b": "y"}
    with path.open("w") as file:  # 30 MB
        if name == "x.csv":
            file.write("a,b\n" + f"{row['a']},y\n" * 3000)
        else:
            ends = ("[", ",", "]") if name == "x.json" else ("", "\n", "")
            file.write(ends[0] + ends[1].join([json.dumps(row)] * 3000) + ends[2])
    tracemalloc.start()
    try:
        assert sum(len(one["a"]) for _, one in rows_of(path, Faults(name))) == 30_000_000
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
