"""A space is data: names of fields, choices and ranges, checked before anything is trained."""

import pytest

from logicnet.errors import SettingsError
from logicnet.tuning.search import load_space, space_of


def test_the_documents_space_is_the_default_and_warns_of_rates_that_learn_nothing():
    space = load_space("finetuning-subnet")
    assert space.points == 12
    assert next(iter(space.grid())) == {"lr": 1e-5, "r": 32, "alpha": 16}
    (warning,) = space.warnings()
    assert "1e-08, 1e-10" in warning


def test_a_file_of_ones_own(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        "learning_rate = { low = 1e-5, high = 1e-3, log = true }\nschedule = ['cosine', 'linear']\n"
    )
    space = load_space(str(file))
    assert (space.name, space.points) == ("mine", None)
    assert space.shown() == "lr 1e-05 to 0.001 (log); schedule cosine, linear"
    assert space.warnings() == []


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"learning_rates": [1e-4]}, "learning_rates is unknown.*known are lr"),
        ({"weight_decy": [0.1]}, "did you mean weight_decay"),
        ({"max_length": [512, 1024]}, "max_length changes what is measured"),
        ({"lr": [1e-4], "learning_rate": [1e-5]}, "there twice"),
        ({"lr": [0.0, 1e-4]}, "lr: "),
        ({"r": [8, 1000]}, "r: "),
        ({"r": []}, "has no values"),
        ({"lr": 1e-4}, "lr: takes a list"),
        ({"lr": {"low": 1e-3, "high": 1e-5}}, "lr: .*not below"),
        ({"lr": {"low": 1e-5, "hihg": 1e-3}}, "lr: hihg.*did you mean high"),
        ({"dropout": {"low": 0, "high": 0.1, "log": True}}, "not above 0"),
        ({"schedule": ["cosin"]}, "schedule: "),
        ({}, "parameters"),
    ],
)
def test_a_space_that_cannot_be_searched_is_one_line_with_its_place(parameters, words):
    with pytest.raises(SettingsError, match=words) as found:
        space_of(parameters)
    assert "\n" not in str(found.value)


def test_a_name_that_is_unknown():
    with pytest.raises(SettingsError, match="did you mean lora"):
        load_space("lorra")
    with pytest.raises(SettingsError, match="No such file"):
        load_space("there/is/none.toml")
