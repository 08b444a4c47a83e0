"""Label Studio's JSON export of any project whose tasks compare texts (https://labelstud.io/guide/export, JSON and JSON_MIN).

A task has its `data`, where paths start, and `annotations` with `completed_by`, `was_cancelled` and a `result` for each control:
`Pairwise` (`selected`: left or right), `Choices`, `Rating`, `Number`, `Ranker` (ids in order) and `TextArea`. `question`, `ratings` and `rationale`
name controls (`from_name`). `predictions` are a model's (`model_version`). JSON_MIN and CSV have the controls beside the data, one annotation a row.

A queue that `route` wrote comes back with the format `label_studio`, which knows its comparisons.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, ClassVar

from prefcurate.schemas.formats.rows import RowError, json_in, list_in, object_of, optional_list, value_in
from prefcurate.schemas.formats.times import duration, leniently, moment
from prefcurate.schemas.formats.tool_exports import ANONYMOUS, Answer, Record, ToolReader
from prefcurate.schemas.records import AnnotatorKind, ParseStatus

MODEL = "prediction"
"""Who a prediction is by that has no model version."""
_VALUE_KEYS = ("selected", "choices", "rating", "number", "ranker", "text", "taxonomy")


class LabelStudioProjectReader(ToolReader):
    """Each task is one row; each annotation one opinion of who completed it, each prediction one of its model.

    A cancelled annotation is an opinion without a verdict. In a `Ranker` the responses are known by their ids: name them so in `responses`.
    """

    format: ClassVar[str] = "label_studio_project"
    version: ClassVar[int] = 2
    suffixes: ClassVar[tuple[str, ...]] = (".json", ".jsonl")

    prediction_kind: AnnotatorKind = "llm_judge"

    def record(self, row: Mapping[str, Any]) -> Record:
        """What a task says."""
        if "annotations" not in row and "completions" not in row and "data" not in row:
            return self._minimal(row)
        data = object_of(value_in(row, "data"), "'data'")
        given = [object_of(one, "an annotation") for one in _lists(row, "annotations", "completions")]
        predicted = [object_of(one, "a prediction") for one in _lists(row, "predictions")]
        # The place in the row is part of an opinion's id: later annotations must come later, and predictions after all of them.
        answers = [answer for one in sorted(given, key=_id) for answer in self._annotated(one)]
        answers += [answer for one in sorted(predicted, key=_id) for answer in self._predicted(one)]
        asked = frozenset(answer.question for answer in answers if answer.value is not None)
        return Record(data, tuple(answers), _task_id(row), asked)

    def _minimal(self, row: Mapping[str, Any]) -> Record:
        who = _who(row.get("annotator"))
        controls = [name for name in (*self.question, *self.ratings, self.rationale) if name is not None]
        answers = [
            Answer(who, "person", name, _value(row[name]), "ok", *_times(row)) for name in controls if name in row
        ]
        left_out = {*controls, "annotator", "annotation_id", "created_at", "updated_at", "lead_time"}
        number = row.get("annotation_id")
        data = {key: value for key, value in row.items() if key not in left_out}
        return Record(data, tuple(answers), str(number) if isinstance(number, int) else None)

    def _annotated(self, given: Mapping[str, Any]) -> Iterator[Answer]:
        who = _who(given.get("completed_by"))
        status: ParseStatus = "refused" if given.get("was_cancelled") or given.get("skipped") else "ok"
        yield from self._answered(given, who, "person", status)

    def _predicted(self, given: Mapping[str, Any]) -> Iterator[Answer]:
        version = given.get("model_version")
        who = version if isinstance(version, str) and version else MODEL
        yield from self._answered(given, who, self.prediction_kind, "ok")

    def _answered(
        self, given: Mapping[str, Any], who: str, kind: AnnotatorKind, status: ParseStatus
    ) -> Iterator[Answer]:
        found: dict[str, list[Any]] = {}
        for one in optional_list(given, "result"):
            result = object_of(one, "a result")
            name = result.get("from_name")
            if isinstance(name, str):
                found.setdefault(name, []).append(_value(result.get("value")))
        # Who says nothing to a question that compares has said so.
        for name in (*self.question, *(name for name in found if name not in self.question)):
            values = found.get(name, [None])
            yield Answer(who, kind, name, values[0] if len(values) == 1 else values, status, *_times(given))


def _times(given: Mapping[str, Any]) -> tuple[str | None, float | None]:
    """When an annotation was made, and how many seconds it took."""
    return leniently(moment, given.get("created_at")), leniently(duration, given.get("lead_time"))


def _lists(row: Mapping[str, Any], *keys: str) -> list[Any]:
    key = next((key for key in keys if row.get(key) is not None), None)
    return [] if key is None else list_in(row, key)


def _value(given: Any) -> Any:
    """What a control holds; a cell of a CSV has it as JSON."""
    if isinstance(given, str) and given.startswith(("{", "[")):
        with suppress(RowError):
            given = json_in(given, "")
    if not isinstance(given, Mapping):
        return given
    return next((given[key] for key in _VALUE_KEYS if key in given), dict(given))


def _id(one: Mapping[str, Any]) -> tuple[int, str]:
    number = one.get("id")
    return (number, "") if isinstance(number, int) else (0, str(number or ""))


def _task_id(row: Mapping[str, Any]) -> str | None:
    number, project = row.get("id"), row.get("project")
    if not isinstance(number, int):
        return None
    return f"{project}/{number}" if isinstance(project, int) else str(number)


def _who(given: Any) -> str:
    """The person: an id, or an object with id and e-mail, depending on the kind of export."""
    if isinstance(given, Mapping):
        given = given.get("email") or given.get("id")
    return ANONYMOUS if given is None or isinstance(given, bool) or given == "" else str(given)
