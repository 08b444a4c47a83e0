"""Argilla's records: JSON of `to_dict`, `to_list` and `to_json`, and the columns of `to_datasets` and of the hub, of Argilla 1 and 2.

Argilla 2 (https://docs.argilla.io/latest/reference/argilla/records/records/): `fields`, `responses: {question: [{value, user_id}]}` and
`suggestions: {question: {value, score, agent}}`; flattened, columns `question.responses`, `….users`, `….status`, `question.suggestion` and
`….agent`. Argilla 1's feedback datasets: `responses: [{user_id, status, values: {question: {value}}}]`, `suggestions` as a list; as
columns `question` (a list of user_id, value, status), `question-suggestion` and `question-suggestion-metadata`.

Nested records of Argilla 2 do not tell a response's status: export with `flatten=True`, or to `datasets`, where some were discarded.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from prefcurate.schemas.formats.lines import RAW_LIMIT, JsonRow
from prefcurate.schemas.formats.rows import RowError, object_of
from prefcurate.schemas.formats.tool_exports import ANONYMOUS, Answer, Record, ToolReader
from prefcurate.schemas.records import AnnotatorKind, ParseStatus

AGENT = "suggestion"
"""Who a suggestion is by whose agent is not told."""
_STATUS: dict[str, ParseStatus] = {"submitted": "ok", "discarded": "refused", "draft": "empty", "pending": "empty"}


class ArgillaReader(ToolReader):
    """Each record is one row; each response one opinion of its user, each suggestion one of its agent.

    Responses that were discarded (refused) or are drafts (empty) are opinions without a verdict. A suggestion is an LLM judge's unless
    `suggestion_kind` says otherwise, or Argilla 1 says that it is a person's.
    """

    format: ClassVar[str] = "argilla"
    suffixes: ClassVar[tuple[str, ...]] = (".json", ".jsonl", ".parquet", ".arrow")

    suggestion_kind: AnnotatorKind = "llm_judge"

    def records(self, row: JsonRow) -> Iterator[JsonRow]:
        """Of an export as one object: its records by id (`orient="index"`) or by column (`orient="names"`)."""
        value = row.value
        if not isinstance(value, dict) or not value:
            yield row
        elif all(isinstance(one, dict) and "fields" in one for one in value.values()):
            yield from _numbered({"id": key, **one} for key, one in value.items())
        elif isinstance(value.get("id"), list) and all(isinstance(one, list) for one in value.values()):
            yield from _numbered(
                {key: column[n] for key, column in value.items() if n < len(column)} for n in range(len(value["id"]))
            )
        else:
            yield row

    def record(self, row: Mapping[str, Any]) -> Record:
        """What a record says, whichever version and shape it is of."""
        nested = isinstance(row.get("fields"), Mapping)
        fields = {**row["fields"], "metadata": row.get("metadata")} if nested else row
        answers = list(self._nested(row) if nested else self._flat(row))
        ids = (row.get(key) for key in ("id", "external_id", "_server_id"))
        row_id = next((str(one) for one in ids if isinstance(one, str | int) and one != ""), None)
        questions = {*self.question, *self.ratings, self.rationale}
        asked = {answer.question for answer in answers} if nested else _columns(row)
        mine = tuple(answer for answer in answers if answer.question in questions)
        return Record(_without_answers(fields, row, nested), mine, row_id, frozenset(asked))

    def _nested(self, row: Mapping[str, Any]) -> Iterator[Answer]:
        responses, suggestions = row.get("responses") or {}, row.get("suggestions") or {}
        if isinstance(responses, list):
            for one in responses:
                given = object_of(one, "a response")
                for question, value in object_of(given.get("values") or {}, "'values'").items():
                    yield _response(question, {**given, "value": object_of(value, "an answer").get("value")})
        else:
            for question, given in object_of(responses, "'responses'").items():
                yield from (_response(question, one) for one in _listed(given))
        if isinstance(suggestions, list):
            for one in suggestions:
                given = object_of(one, "a suggestion")
                yield from self._suggestion(str(given.get("question_name")), given.get("value"), given)
        else:
            for question, given in object_of(suggestions, "'suggestions'").items():
                about = object_of(given, "a suggestion")
                yield from self._suggestion(question, about.get("value"), about)

    def _flat(self, row: Mapping[str, Any]) -> Iterator[Answer]:
        for question in filter(None, (*self.question, *self.ratings, self.rationale)):
            name = f"{question}.responses"
            if not any(key in row for key in (name, question, f"{question}.suggestion", f"{question}-suggestion")):
                continue
            columns = {"value": row.get(name), "user_id": row.get(f"{name}.users"), "status": row.get(f"{name}.status")}
            given = _transposed(columns) if name in row else _listed(row.get(question) or [])
            yield from (_response(question, one) for one in given)
            if f"{question}.suggestion" in row:
                about = {"agent": row.get(f"{question}.suggestion.agent")}
                yield from self._suggestion(question, row[f"{question}.suggestion"], about)
            else:
                about = row.get(f"{question}-suggestion-metadata") or {}
                yield from self._suggestion(
                    question, row.get(f"{question}-suggestion"), object_of(about, "a suggestion")
                )

    def _suggestion(self, question: str, value: Any, about: Mapping[str, Any]) -> Iterator[Answer]:
        if value is not None:
            agent = about.get("agent")
            kind: AnnotatorKind = "person" if about.get("type") == "human" else self.suggestion_kind
            yield Answer(agent if isinstance(agent, str) and agent else AGENT, kind, question, value)


def _numbered(records: Iterable[dict[str, Any]]) -> Iterator[JsonRow]:
    for number, record in enumerate(records, start=1):
        yield JsonRow(number, record, json.dumps(record, ensure_ascii=False)[:RAW_LIMIT])


def _without_answers(fields: Mapping[str, Any], row: Mapping[str, Any], nested: bool) -> dict[str, Any]:
    """What paths start at: the fields, without the columns of answers, which change with each export."""
    if nested:
        return dict(fields)
    questions = _columns(row)
    ends: tuple[str, ...] = (
        "",
        ".responses",
        ".responses.users",
        ".responses.status",
        ".suggestion",
        ".suggestion.agent",
    )
    ends += (".suggestion.score", "-suggestion", "-suggestion-metadata")
    answers = {question + end for question in questions for end in ends}
    return {key: value for key, value in row.items() if key not in answers}


def _columns(row: Mapping[str, Any]) -> set[str]:
    """The questions that the columns of a flat record are about."""
    ends = (".responses", "-suggestion")
    return {key.removesuffix(end) for key in row for end in ends if key.endswith(end)}


def _response(question: str, given: Any) -> Answer:
    about = object_of(given, "a response")
    status = about.get("status") or "submitted"
    if not isinstance(status, str) or status not in _STATUS:
        raise RowError("unknown label", f"a response to {question!r} is {status!r}; known are {', '.join(_STATUS)}")
    user = about.get("user_id")
    known = isinstance(user, str | int) and user not in ("", "None")
    return Answer(str(user) if known else ANONYMOUS, "person", question, about.get("value"), _STATUS[status])


def _listed(given: Any) -> list[Any]:
    """Responses as a list; `datasets` gives a list of structs as a struct of lists."""
    if isinstance(given, Mapping) and isinstance(given.get("value"), list) and "user_id" in given:
        return _transposed(given)
    if not isinstance(given, list):
        raise RowError("wrong type", f"the responses to a question should be a list and are {str(given)[:80]!r}")
    return given


def _transposed(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    values = columns.get("value") or []
    if not isinstance(values, list):
        raise RowError("wrong type", f"the responses to a question should be a list and are {str(values)[:80]!r}")
    others = {key: column for key, column in columns.items() if isinstance(column, list)}
    return [{key: column[n] for key, column in others.items() if n < len(column)} for n in range(len(values))]
