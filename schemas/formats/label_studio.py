"""Label Studio's JSON export of a queue that `route` wrote: people's completed annotations come back as opinions.

The export is a list of tasks, each with its `data` and a list `annotations`
(https://labelstud.io/guide/task_format). The task's `data` holds the comparison's messages, so that it gets the
same ids again, and which response was shown first.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from prefcurate.schemas import canonical
from prefcurate.schemas.formats.base import Opener, Reader, ReadUnit
from prefcurate.schemas.formats.lines import json_rows
from prefcurate.schemas.formats.rows import RowError, input_row, list_in, object_of, text_in, value_in
from prefcurate.schemas.formats.times import duration, leniently, moment
from prefcurate.schemas.records import (
    GivenLabel,
    GivenPair,
    InputRow,
    Message,
    Order,
    Pairs,
    ParseStatus,
    Part,
    Verdict,
    render,
)

CONTROL = "preference"
"""The `Choices` tag of the labelling configuration whose answer is the label."""
RATIONALE = "why"
"""Its `TextArea` for a reason in words."""
CHOICES = {
    "first": Verdict.FIRST,
    "second": Verdict.SECOND,
    "tie": Verdict.TIE,
    "both_good": Verdict.BOTH_GOOD,
    "both_bad": Verdict.BOTH_BAD,
    "unratable": Verdict.UNRATABLE,
}
"""What the choices are called in an export (the `alias` of each): first and second as they were shown."""
ANONYMOUS = "anonymous"


class LabelStudioReader(Reader):
    """Each task is one row; each of its annotations one opinion of the person who completed it.

    A skipped task is an opinion without a verdict. Tasks whose text was changed after the export are unreadable: an
    opinion on another text is no opinion on this comparison.
    """

    format: ClassVar[str] = "label_studio"
    version: ClassVar[int] = 2
    suffixes: ClassVar[tuple[str, ...]] = (".json", ".jsonl")

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every task of the unit's file, in file order."""
        with open_file(unit.file) as stream:
            for row in json_rows(stream):
                read = input_row(row, _outcome)
                yield replace(read, row_id=_task_id(row.value), identity=_said(row.value, read.identity))


def _task_id(task: Any) -> str | None:
    # A second export of the same project, with more annotations, has the same tasks.
    if isinstance(task, dict) and isinstance(task.get("id"), int) and isinstance(task.get("project"), int):
        return f"{task['project']}/{task['id']}"
    return None


def _said(task: Any, identity: Any) -> Any:
    # Dates and counters of the server say nothing about the opinion.
    if not isinstance(task, dict):
        return identity
    return {key: task[key] for key in ("id", "project", "data", "annotations") if key in task}


def _outcome(task: Mapping[str, Any]) -> Pairs:
    data = object_of(value_in(task, "data"), "'data'")
    if "comparison" not in data:
        hint = "it is no task of a queue that `route` wrote; exports of other projects are read by the format label_studio_project"
        raise RowError("field missing", f"'data' has no 'comparison': {hint}")
    prompt, response_a, response_b = messages_of(text_in(data, "comparison"))
    _check_unchanged(data, prompt, response_a, response_b)
    labels = tuple(_label(object_of(one, "an annotation"), data) for one in _by_id(list_in(task, "annotations")))
    return Pairs((GivenPair(prompt, response_a, response_b, labels),))


def _by_id(annotations: list[Any]) -> list[Any]:
    # The place in the row is part of an annotation's id: later annotations must come later.
    return sorted(
        annotations, key=lambda one: one["id"] if isinstance(one, dict) and isinstance(one.get("id"), int) else 0
    )


def _check_unchanged(
    data: Mapping[str, Any],
    prompt: tuple[Message, ...],
    response_a: tuple[Message, ...],
    response_b: tuple[Message, ...],
) -> None:
    given = text_in(data, "comparison_id")
    ids = [canonical.response_id(canonical.canonical_messages(r)) for r in (response_a, response_b)]
    found = canonical.comparison_id(canonical.prompt_id(canonical.canonical_messages(prompt)), *ids)
    if found != given:
        raise RowError("text changed", f"the task says comparison {given}, its messages are comparison {found}")
    first, second = (response_a, response_b) if data.get("order_shown") == "ab" else (response_b, response_a)
    for name, messages in (("prompt", prompt), ("first", first), ("second", second)):
        shown = data.get(name)
        if shown is not None and canonical.canonical_text(str(shown)) != canonical.canonical_text(render(messages)):
            raise RowError("text changed", f"what the task shows as {name!r} is not that of comparison {given}")


def _label(annotation: Mapping[str, Any], data: Mapping[str, Any]) -> GivenLabel:
    verdict, status = _verdict(annotation, text_in(data, "order_shown"))
    shown = text_in(data, "order_shown")
    if shown not in ("ab", "ba"):
        raise RowError("bad order", f"'order_shown' is {shown!r}, which is neither ab nor ba")
    inclusion = data.get("inclusion_p")
    return GivenLabel(
        annotator=_who(annotation.get("completed_by")),
        kind="person",
        verdict=verdict,
        order=Order.FIRST_SHOWN_FIRST if shown == "ab" else Order.SECOND_SHOWN_FIRST,
        rationale=_rationale(annotation),
        raw_output=None if status == "ok" else json.dumps(annotation.get("result"), ensure_ascii=False),
        parse_status=status,
        asked_by=data.get("asked_by") if isinstance(data.get("asked_by"), str) else "route",
        inclusion_p=float(inclusion)
        if isinstance(inclusion, int | float) and not isinstance(inclusion, bool)
        else None,
        answered_at=leniently(moment, annotation.get("created_at")),
        seconds=leniently(duration, annotation.get("lead_time")),
    )


def _who(completed_by: Any) -> str:
    """Exports name the person by an id, or by an object with id and e-mail, depending on the kind of export."""
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("email") or completed_by.get("id")
    if completed_by is None or isinstance(completed_by, bool) or completed_by == "":
        return ANONYMOUS
    return str(completed_by)


def _verdict(annotation: Mapping[str, Any], shown: str) -> tuple[Verdict | None, ParseStatus]:
    if annotation.get("was_cancelled"):
        return None, "refused"
    chosen = [value for result in _results(annotation, CONTROL) for value in list_in(result, "choices")]
    if not chosen:
        return None, "empty"
    if len(chosen) != 1 or chosen[0] not in CHOICES:
        return None, "unparsed"
    verdict = CHOICES[chosen[0]]
    if shown == "ab" or verdict not in (Verdict.FIRST, Verdict.SECOND):
        return verdict, "ok"
    return (Verdict.SECOND if verdict is Verdict.FIRST else Verdict.FIRST), "ok"


def _rationale(annotation: Mapping[str, Any]) -> str | None:
    texts = [text for result in _results(annotation, RATIONALE) for text in list_in(result, "text")]
    return "\n".join(text for text in texts if isinstance(text, str)).strip() or None


def _results(annotation: Mapping[str, Any], control: str) -> list[Mapping[str, Any]]:
    results = [object_of(one, "a result") for one in list_in(annotation, "result")]
    return [object_of(value_in(one, "value"), "'value'") for one in results if one.get("from_name") == control]


def comparison_json(prompt: Any, response_a: Any, response_b: Any) -> str:
    """A comparison's messages (rows of the table `comparisons`) as the text that a task carries."""
    fields = {"prompt": prompt, "response_a": response_a, "response_b": response_b}
    return canonical.canonical_json({name: [_told(message) for message in rows] for name, rows in fields.items()})


def _told(message: Mapping[str, Any]) -> dict[str, Any]:
    parts = [{key: value for key, value in part.items() if value is not None} for part in message["content"]]
    return {"role": message["role"], "content": parts}


def messages_of(text: str) -> tuple[tuple[Message, ...], tuple[Message, ...], tuple[Message, ...]]:
    """Prompt and both responses out of what `comparison_json` made.

    Raises:
        RowError: the text is something else.
    """
    try:
        told = object_of(json.loads(text), "'comparison'")
    except ValueError as error:
        raise RowError("bad comparison", f"'comparison' is no JSON: {error}") from error
    prompt, a, b = (
        tuple(_message(one) for one in list_in(told, key)) for key in ("prompt", "response_a", "response_b")
    )
    return prompt, a, b


def _message(value: Any) -> Message:
    told = object_of(value, "a message")
    return Message(text_in(told, "role"), tuple(_part(part) for part in list_in(told, "content")))


def _part(value: Any) -> Part:
    told = object_of(value, "a part of a message")
    if not set(told) <= {"type", "text", "uri", "sha256", "json"} or not all(isinstance(v, str) for v in told.values()):
        raise RowError("bad comparison", f"a part of a message has the keys {sorted(map(str, told))}")
    return Part(**{"type": "text", **told})
