"""Validation errors in words; the sentences of the whole configuration are in tests/pipelines/test_config.py."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from prefcurate.transforms.mistakes import NestedMistakes, mistakes, unknown_name


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Cat(Strict):
    kind: Literal["cat"]
    lives: int = 9


class Dog(Strict):
    kind: Literal["dog"]
    tricks: tuple[str, ...] = ()


class Bowl(Strict):
    litres: float


class House(Strict):
    pets: tuple[Annotated[Cat | Dog, Field(discriminator="kind")], ...] = ()
    words: dict[Any, Literal["a", "b"]] = {}
    bowl: Any = None
    shut: bool = True

    @field_validator("bowl", mode="before")
    @classmethod
    def _bowl(cls, given: Any) -> Any:
        try:
            return Bowl.model_validate(given)
        except ValidationError as error:
            raise NestedMistakes(error, given, Bowl, ("colour",)) from error


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"pets": [{"kind": "cat", "name": "Tom", "lives": 9}]}, ["pets.Tom.name: there is no such key; keys here: kind, lives"]),
        ({"pets": [{"kind": "cat"}, {"kind": "cat", "live": 9}]}, ["pets.1.live: there is no such key; did you mean 'lives'?"]),
        ({"pets": [{"kind": "cat", "lives": "many"}]}, ["pets.0.lives: should be a whole number (found 'many')"]),
        ({"pets": [{"kind": "dog", "tricks": {}}]}, ["pets.0.tricks: should be a list (found keys with values)"]),
        ({"pets": [{"kind": "dgo"}]}, ["pets.0: there is no kind 'dgo'; did you mean 'dog'? known: cat, dog"]),
        ({"pets": [{}]}, ["pets.0: the key 'kind' is required; it says what the entry is"]),
        ({"words": {1: "a", 0: "c"}}, ["words.0: should be 'a' or 'b' (found 'c')"]),
        ({"bowl": {}}, ["bowl.litres: this key is required"]),
        ({"bowl": {"litres": "x", "color": 1}}, ["bowl.litres: should be a number (found 'x')",
                                                 "bowl.color: there is no such key; did you mean 'colour'?"]),
        ({"shut": "half"}, ["shut: should be true or false (found 'half')"]),
    ],
)  # fmt: skip
def test_mistakes(given, told):
    with pytest.raises(ValidationError) as caught:
        House.model_validate(given)
    assert mistakes(caught.value, given, House) == told


def test_unknown_name():
    assert unknown_name("policy", "defualt", ["default", "strict"]) == (
        "there is no policy 'defualt'; did you mean 'default'? known: default, strict"
    )
    assert unknown_name("policy", 3, ["default"]) == "there is no policy 3; known: default"
