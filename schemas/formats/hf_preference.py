"""Preference rows of the Hugging Face kind: `prompt`, `chosen` and `rejected`, as text or lists of messages.

Without a prompt, what chosen and rejected have in common at their beginning is the prompt, as TRL understands it
(https://huggingface.co/docs/trl/dataset_formats): the common messages; of transcripts ("Human: … Assistant: …") the
common turns; of plain text the common words. Ratings in `score_chosen` and `score_rejected` are kept.
"""

import os.path
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar, Literal

from prefcurate.schemas.formats import chat
from prefcurate.schemas.formats.base import Opener, ReadUnit
from prefcurate.schemas.formats.conversations import conversations, unpacked, with_context
from prefcurate.schemas.formats.images import has_places, images_of, with_images
from prefcurate.schemas.formats.lines import JsonRow
from prefcurate.schemas.formats.mapping_fields import FieldSpec
from prefcurate.schemas.formats.mapping_labels import LabelSpec, RatingSpec
from prefcurate.schemas.formats.mapping_pairs import PairBuilder
from prefcurate.schemas.formats.mapping_paths import ABSENT, Path, Scope
from prefcurate.schemas.formats.mapping_row import Fields
from prefcurate.schemas.formats.mapping_rules import About
from prefcurate.schemas.formats.rows import RowError
from prefcurate.schemas.formats.tabular import TabularReader
from prefcurate.schemas.records import InputRow

OTHER_PROMPTS = ("question", "instruction", "query", "input", "context", "problem")
"""What a prompt is called elsewhere: a row that has one of these is not read as if it had no prompt."""


class PreferenceFields(About):
    """The settings that a preference row has beside those of its file."""

    prompt: FieldSpec | None = None
    """The prompt; by default the field `prompt`, or where a row has none the common beginning."""
    chosen: FieldSpec = FieldSpec(path="chosen")
    rejected: FieldSpec = FieldSpec(path="rejected")
    system: FieldSpec | None = None
    score_chosen: FieldSpec | None = None
    score_rejected: FieldSpec | None = None
    scale: tuple[float, float] | None = None
    row_id: FieldSpec | None = None
    group_id: FieldSpec | None = None
    model_chosen: FieldSpec | None = None
    model_rejected: FieldSpec | None = None
    strength: FieldSpec | None = None
    p_chosen: FieldSpec | None = None
    reference: FieldSpec | None = None
    checks: FieldSpec | None = None
    images: FieldSpec | None = None
    """Images beside the messages; by default those in `images` or `image` for which the messages have places."""

    added: ClassVar[frozenset[str]] = frozenset({"images"})


class HfPreferenceReader(TabularReader, PreferenceFields):
    """Rows of prompt, chosen and rejected; other names are settings: `{chosen: text_chosen, rejected: text_rejected}`."""

    format: ClassVar[str] = "hf_preference"

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every row of the file."""
        columns = self.has_columns(unit.file)
        for row in self.rows(unit.file, open_file):
            yield self.input_row(row, columns)

    def input_row(self, row: JsonRow, columns: bool = False) -> InputRow:
        """One parsed row as an input row."""
        return self.builder.input_row(row, columns)

    @cached_property
    def builder(self) -> "PreferenceBuilder":
        """What makes pairs out of rows."""
        return PreferenceBuilder(self)


class PreferenceBuilder(PairBuilder):
    """Makes pairs out of preference rows: a mapping whose label is always a, with the rules for absent prompts."""

    def __init__(self, settings: PreferenceFields) -> None:
        super().__init__(_as_mapping(settings))
        self._settings = settings

    def looked_up(self, value: Any) -> Iterator[tuple[str, Path, Scope]]:
        """As of a mapping, without the scores that nobody asked for: rows may have none."""
        unasked = {_DEFAULT[spec.of] for spec in self.fields.ratings if str(spec.path) == _DEFAULT[spec.of]}
        return (found for found in super().looked_up(value) if not (found[0] == "ratings" and found[1].text in unasked))

    def _conversations(self, row: Scope) -> tuple[chat.Messages, chat.Messages, chat.Messages]:
        chosen = self._look.required(self._settings.chosen, row, "chosen")
        rejected = self._look.required(self._settings.rejected, row, "rejected")
        asked = self._pictured(row, self._asked(row), True)
        chosen, rejected = self._pictured(row, chosen, False), self._pictured(row, rejected, False)
        prompt, first, second = preference(asked, chosen, rejected)
        return with_context(prompt, self._look.text(self._settings.system, row), [], None), first, second

    def _pictured(self, row: Scope, content: Any, is_prompt: bool) -> Any:
        if self.fields.images is not None:
            return content if content is ABSENT else super()._pictured(row, content, is_prompt)
        if not has_places(content):
            return content
        images = images_of(self._look.value(_IMAGES, row), str(_IMAGES))
        return with_images(content, images, is_prompt=is_prompt, places_only=True)

    def _asked(self, row: Scope) -> Any:
        if self._settings.prompt is not None:
            return self._look.required(self._settings.prompt, row, "prompt")
        if not isinstance(row.row, Mapping) or "prompt" in row.row:
            return row.row.get("prompt", ABSENT) if isinstance(row.row, Mapping) else ABSENT
        other = [name for name in OTHER_PROMPTS if name in row.row]
        if other:
            raise RowError("no prompt", f"there is no field 'prompt'; set `prompt: {other[0]}` if that is it")
        return ABSENT

    def _is_asked(self, row: Scope, spec: RatingSpec) -> bool:
        return str(spec.path) != _DEFAULT[spec.of] or _has(row, spec)


_IMAGES = FieldSpec(first=("images", "image"))
_DEFAULT = {"a": "score_chosen", "b": "score_rejected"}


def _has(row: Scope, spec: RatingSpec) -> bool:
    return isinstance(row.row, Mapping) and str(spec.path) in row.row


def _as_mapping(settings: PreferenceFields) -> Fields:
    scores: dict[Literal["a", "b"], FieldSpec | None] = {"a": settings.score_chosen, "b": settings.score_rejected}
    about: dict[str, Any] = {name: getattr(settings, name) for name in About.model_fields}
    return Fields(
        **about,
        prompt=settings.prompt or FieldSpec(path="prompt"),
        response_a=settings.chosen,
        response_b=settings.rejected,
        label=(LabelSpec(constant="a", strength=settings.strength, p_a=settings.p_chosen),),
        ratings=tuple(
            RatingSpec(of=side, path=spec or FieldSpec(path=_DEFAULT[side]), scale=settings.scale)
            for side, spec in scores.items()
        ),
        row_id=settings.row_id,
        group_id=settings.group_id,
        model_a=settings.model_chosen,
        model_b=settings.model_rejected,
        reference=settings.reference,
        checks=settings.checks,
        images=settings.images,
    )


def preference(prompt: Any, chosen: Any, rejected: Any) -> tuple[chat.Messages, chat.Messages, chat.Messages]:
    """Prompt, chosen and rejected as messages; `ABSENT` as prompt is found in what the two have in common.

    Raises:
        RowError: there is no prompt, or chosen and rejected answer different ones.
    """
    chosen, rejected = unpacked(chosen), unpacked(rejected)
    if prompt is ABSENT and isinstance(chosen, str) and isinstance(rejected, str):
        first, second = chat.transcript(chosen), chat.transcript(rejected)
        if first is not None and second is not None:
            return chat.split_at_last_common(first, second)
        return _split_words(chosen, rejected)
    return conversations(None if prompt is ABSENT else prompt, chosen, rejected)


def _split_words(chosen: str, rejected: str) -> tuple[chat.Messages, chat.Messages, chat.Messages]:
    shared = os.path.commonprefix([chosen, rejected])
    end = max((i for i, character in enumerate(shared) if character.isspace()), default=0)
    if not shared[:end].strip():
        raise RowError("no prompt", "there is no field 'prompt', and chosen and rejected have no beginning in common")
    return chat.user(shared[:end]), chat.assistant(chosen[end:]), chat.assistant(rejected[end:])
