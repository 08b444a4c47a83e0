"""Mistakes in settings, in words that a person can act on: where, what stands there, what may stand there."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

_FOUND = {dict: "keys with values", list: "a list", tuple: "a list"}
_SHOULD = {
    "tuple_type": "should be a list",
    "dict_type": "should be keys with values",
    "model_type": "should be keys with values",
    "string_type": "should be text",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "string_pattern_mismatch": "should be letters, digits, '_', '.' and '-' alone, with a letter or digit first",
}


class NestedMistakes(ValueError):
    """What a validator raises when it has itself validated a part by another model; it is told as if it were one.

    Args:
        error: of the part.
        given: the part's settings.
        model: what it was validated by.
        more: keys beside it that its writer sees on the same level.
    """

    def __init__(self, error: ValidationError, given: Any, model: type[BaseModel], more: Iterable[str] = ()) -> None:
        super().__init__(str(error))
        self.error = error
        self.given = given
        self.model = model
        self.more = tuple(more)


def mistakes(error: ValidationError, given: Any, model: type[BaseModel]) -> list[str]:
    """Every mistake of settings, one a line.

    Args:
        error: what validating them raised.
        given: the settings as they were given; entries of lists are called by the `name` that stands there.
        model: what they were validated by: the nearest known key is named for a wrong one.
    """
    return _mistakes(error, given, model, (), ())


def _mistakes(
    error: ValidationError, given: Any, model: type[BaseModel], within: tuple[str, ...], more: tuple[str, ...]
) -> list[str]:
    told: list[str] = []
    for item in error.errors():
        where = (*within, *_steps(item, given))
        nested = item.get("ctx", {}).get("error")
        if isinstance(nested, NestedMistakes):
            told += _mistakes(nested.error, nested.given, nested.model, where, nested.more)
        else:
            said = _said(item, model, more)
            told.append(f"{'.'.join(where)}: {said}" if where else said)
    return told


def _steps(item: Any, given: Any) -> list[str]:
    """The way to a mistake as its writer sees it: keys that were given (or are missing) and entries by their names."""
    steps, here = [], given
    for step in item["loc"]:
        if isinstance(here, Mapping) and step in here:
            steps.append(str(step))
            here = here[step]
        elif isinstance(here, list | tuple) and isinstance(step, int) and step < len(here):
            here = here[step]
            name = here.get("name") if isinstance(here, Mapping) else None
            steps.append(name if isinstance(name, str) and name else str(step))
    # What else pydantic counts as a step is its own: the kind of an entry, the member of a union.
    return [*steps, str(item["loc"][-1])] if item["type"] == "missing" else steps


def _said(item: Any, model: type[BaseModel], more: tuple[str, ...]) -> str:
    if item["type"] == "extra_forbidden":
        place = item["loc"][:-1]
        names = sorted({*_fields_at(model, place), *(more if not place else ())})
        return f"there is no such key; {_nearest(item['loc'][-1], names) or 'keys here: ' + ', '.join(names)}"
    if item["type"] == "missing":
        return "this key is required"
    if item["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return _wrong_kind(item["ctx"])
    if item["type"] == "too_short":
        least = item["ctx"]["min_length"]
        return f"should have {least} {'entry' if least == 1 else 'entries'} at least (found {item['ctx']['actual_length']})"
    if item["type"] == "value_error":
        return str(item["msg"]).removeprefix("Value error, ")
    said = _SHOULD.get(item["type"]) or str(item["msg"]).replace("Input should be", "should be").replace(
        "a valid ", "a "
    )
    return f"{said} (found {_found(item['input'])})"


def _found(given: Any) -> str:
    return next((word for kind, word in _FOUND.items() if isinstance(given, kind)), repr(given))


def _nearest(given: object, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(str(given), list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def unknown_name(what: str, given: object, known: Iterable[str]) -> str:
    """Words for a name that is none of those known, with the nearest of them."""
    near = _nearest(given, known)
    return f"there is no {what} {given!r}; {near + ' ' if near else ''}known: {', '.join(known)}"


def _wrong_kind(context: Any) -> str:
    key = str(context["discriminator"]).strip("'")
    if "tag" not in context:
        return f"the key {key!r} is required; it says what the entry is"
    return unknown_name(key, context["tag"], [kind.strip().strip("'") for kind in context["expected_tags"].split(",")])


def _fields_at(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    models = [model]
    for step in path:
        # Where a list holds entries of several kinds, the path names the kind after the entry's number.
        of_kind = [m for m in models if any(step in _values(m, name) for name in ("kind", "rule"))]
        fields = [m.model_fields[step] for m in models if isinstance(step, str) and step in m.model_fields]
        models = of_kind or [found for field in fields for found in _models_in(field.annotation)] or models
    return sorted(
        {
            about.alias or name
            for found in models
            for name, about in found.model_fields.items()
            if name not in getattr(found, "filled_in", ())
        }
    )


def _values(model: type[BaseModel], name: str) -> tuple[Any, ...]:
    """What a key of few possible values may be; nothing where there is no such key."""
    return get_args(model.model_fields[name].annotation) if name in model.model_fields else ()


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in get_args(annotation) for found in _models_in(argument)]
