"""Labelbox's export (v2): one JSON object a line for each data row, with all labels of all projects.

`data_row` (id, global_key, row_data), `metadata_fields`, `attachments`, and under `projects.ID.labels` each labeller's
`annotations.classifications`, with a `radio_answer`, `checklist_answers` or `text_answer` (https://docs.labelbox.com/reference/label-export).
Paths start at an object with `row_data` (parsed where it holds JSON), `metadata` (by field name), `attachments`, `data_row` and `global_key`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from prefcurate.schemas.formats.rows import RowError, json_in, object_of, optional_list, value_in
from prefcurate.schemas.formats.times import duration, leniently, moment
from prefcurate.schemas.formats.tool_exports import ANONYMOUS, Answer, Record, ToolReader


class LabelboxReader(ToolReader):
    """Each data row is one row; each label in it one labeller's opinion. A skipped label is an opinion without a verdict.

    `question` is the name of a classification; its answer is meant by its value or by its name, whichever `values` knows.
    """

    format: ClassVar[str] = "labelbox"
    version: ClassVar[int] = 2
    suffixes: ClassVar[tuple[str, ...]] = (".ndjson", ".jsonl", ".json")

    project: str | None = None
    """Id or name of the project whose labels count; all of them by default."""

    def record(self, row: Mapping[str, Any]) -> Record:
        """What a data row says."""
        about = object_of(value_in(row, "data_row"), "'data_row'")
        fields = {
            "row_data": _parsed(about.get("row_data")),
            "metadata": _by_name(optional_list(row, "metadata_fields")),
            "attachments": row.get("attachments"),
            "data_row": {key: about[key] for key in ("id", "external_id", "global_key") if key in about},
            "global_key": about.get("global_key"),
        }
        labels = sorted(self._labels(row), key=_created)
        row_id = about.get("global_key") or about.get("id")
        answers = tuple(answer for label in labels for answer in self._answers(label))
        asked = frozenset(answer.question for answer in answers if answer.value != [])
        return Record(fields, answers, row_id if isinstance(row_id, str) else None, asked)

    def _labels(self, row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        for number, given in object_of(row.get("projects") or {}, "'projects'").items():
            project = object_of(given, "a project")
            if self.project in (None, number, project.get("name")):
                for label in optional_list(project, "labels"):
                    yield object_of(label, "a label")

    def _answers(self, label: Mapping[str, Any]) -> Iterator[Answer]:
        details = object_of(label.get("label_details") or {}, "'label_details'")
        performance = object_of(label.get("performance_details") or {}, "'performance_details'")
        who = details.get("created_by") or label.get("created_by")
        name = who if isinstance(who, str) and who else ANONYMOUS
        times = leniently(moment, details.get("created_at")), leniently(duration, performance.get("seconds_to_create"))
        if performance.get("skipped") or label.get("skipped"):
            yield from (Answer(name, "person", question, None, "refused", *times) for question in self.question)
            return
        annotations = object_of(label.get("annotations") or {}, "'annotations'")
        answered = dict(_classified(optional_list(annotations, "classifications")))
        for question in self.question:
            answered.setdefault(question, [])
        for question, values in answered.items():
            yield Answer(name, "person", question, self._meant(values), "ok", *times)

    def _meant(self, values: list[Any]) -> Any:
        """The answer that `values` knows, of its value and its name; all of them where none is known."""
        meant = [next((form for form in forms if self._word(form) is not None), forms[0]) for forms in values]
        return meant[0] if len(meant) == 1 else meant


def _classified(given: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Every classification by name, those inside of answers too, with the forms of each answer."""
    for one in given:
        about = object_of(one, "a classification")
        answers = [about.get("radio_answer"), *optional_list(about, "checklist_answers")]
        chosen = [object_of(answer, "an answer") for answer in answers if answer is not None]
        text = about.get("text_answer")
        found = [[answer.get("value"), answer.get("name")] for answer in chosen]
        found += [[object_of(text, "an answer").get("content")]] if text is not None else []
        yield str(about.get("name", about.get("value"))), found
        for answer in chosen:
            yield from _classified(optional_list(answer, "classifications"))


def _created(label: Mapping[str, Any]) -> tuple[str, str]:
    # The place in the row is part of an opinion's id: later labels must come later.
    details = label.get("label_details")
    made = details.get("created_at") if isinstance(details, Mapping) else None
    return str(made or ""), str(label.get("id", ""))


def _parsed(given: Any) -> Any:
    if isinstance(given, str) and given.lstrip().startswith(("{", "[")):
        try:
            return json_in(given, "'row_data'")
        except RowError as error:
            if error.reason != "bad JSON":
                raise
    return given


def _by_name(given: list[Any]) -> dict[str, Any]:
    found = {}
    for one in given:
        about = object_of(one, "a metadata field")
        name = about.get("schema_name", about.get("name"))
        if not isinstance(name, str):
            raise RowError("wrong type", "a metadata field has no name")
        found[name] = about.get("value")
    return found
