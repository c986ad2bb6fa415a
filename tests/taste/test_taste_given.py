"""Settings that a person gives: numbers by name, refused in one sentence where they can't be."""

import json
from pathlib import Path

import pytest

from segue.errors import BadInput, NotFound
from segue.taste.given import changed, numbers, read_given
from segue.taste.gru_inputs import GruSettings
from segue.taste.registry import MODELS, make, settings_of


def test_given_numbers_replace_those_of_the_size_and_leave_the_rest() -> None:
    model = make("gru", "large", {"width": 48, "dropout": 0, "epochs": 3})
    expected = numbers(GruSettings.of("large")) | {"width": 48, "dropout": 0, "epochs": 3}
    assert numbers(model.settings) == expected  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", MODELS)
def test_every_model_with_settings_takes_its_own_numbers_back(name: str) -> None:
    settings = settings_of(name, "tiny")
    if settings is None:
        with pytest.raises(BadInput, match=f"{name} has no settings"):
            make(name, "tiny", {"width": 3})
    else:
        assert changed(name, settings, json.loads(json.dumps(numbers(settings)))) == settings
        assert make(name, "tiny", numbers(settings)).settings == settings  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"witdh": 3}, "no number called witdh: did you mean width?"),
        ({"zzz": 3}, "take width"),
        ({"width": 0}, "a whole number from 1"),
        ({"width": 2.5}, "a whole number from 1"),
        ({"width": True}, "a whole number from 1"),
        ({"width": "64"}, "a whole number from 1"),
        ({"epochs": 0}, "a whole number from 1"),
        ({"dropout": 1}, "a number from 0, below 1"),
        ({"dropout": None}, "a number from 0, below 1"),
        ({"learning_rate": -1e-3}, "a number from 0"),
        ({"learning_rate": float("nan")}, "a number from 0"),
        ({"learning_rate": float("inf")}, "a number from 0"),
    ],
)
def test_what_can_not_be_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises((BadInput, NotFound), match=said.replace("?", r"\?")):
        make("gru", "tiny", given)


def test_what_is_no_number_is_the_models_own() -> None:
    with pytest.raises(NotFound, match="no number called parts"):
        make("blend", "tiny", {"parts": ["rules"]})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"gru": 3}', "\udcff"])
def test_a_file_that_is_no_settings_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadInput, match=r"settings\.json (can't be read as JSON|must name models)"):
        read_given(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no file"):
        read_given(tmp_path / "nowhere.json")
