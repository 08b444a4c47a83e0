"""OpenAssistant conversation trees: replies to one message, ranked by people (Köpf et al. 2023, arXiv:2304.07327).

A rank is the consensus of several people (0 is best), so a set of siblings is one judgement however many pairs it gives.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from prefcurate.schemas.formats.base import Opener, Reader, ReadUnit
from prefcurate.schemas.formats.rows import RowError, input_rows, object_of, text_in, value_in
from prefcurate.schemas.records import GivenLabel, GivenPair, InputRow, Message, Pairs, Verdict

ANNOTATOR = "ranking"
_ROLES = {"prompter": "user", "assistant": "assistant"}


class OasstReader(Reader):
    """Each tree is one row; every two assistant replies to the same message are a pair.

    Siblings that are both ranked give a label (equal ranks a tie), a missing rank gives the pair without one. Deleted
    messages, and what was said after them, are left out. Replies of prompters are continuations, not answers.
    """

    format: ClassVar[str] = "oasst"

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every tree of the unit's file, in file order."""
        with open_file(unit.file) as stream:
            yield from input_rows(stream, _pairs, row_id="message_tree_id")


def _pairs(row: Mapping[str, Any]) -> Pairs:
    pairs: list[GivenPair] = []
    for path, message in _walk(object_of(value_in(row, "prompt"), "'prompt'")):
        answers = [reply for reply in _replies(message) if reply.get("role") == "assistant"]
        parent = message.get("message_id")
        pairs.extend(_siblings(path, answers, parent if isinstance(parent, str) else f"{len(path)} turns"))
    if not pairs:
        raise RowError("no sibling responses", "no message of the tree has two assistant replies to compare")
    return Pairs(tuple(pairs))


def _walk(root: Mapping[str, Any]) -> Iterator[tuple[tuple[Message, ...], Mapping[str, Any]]]:
    """Every message with the path that ends in it, parents first, without recursion: trees may be deep."""
    stack: list[tuple[tuple[Message, ...], Mapping[str, Any]]] = [((), root)]
    while stack:
        before, message = stack.pop()
        path = (*before, _message(message))
        yield path, message
        stack.extend((path, reply) for reply in reversed(_replies(message)))


def _replies(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    replies = message.get("replies") or []
    if not isinstance(replies, list):
        raise RowError("wrong type", "'replies' should be a list")
    return [reply for reply in (object_of(r, "a reply") for r in replies) if not reply.get("deleted")]


def _message(message: Mapping[str, Any]) -> Message:
    role = value_in(message, "role")
    if not isinstance(role, str) or role not in _ROLES:
        raise RowError("unknown role", f"'role' is {role!r}; it should be prompter or assistant")
    return Message.of_text(_ROLES[role], text_in(message, "text"))


def _siblings(path: tuple[Message, ...], answers: Sequence[Mapping[str, Any]], parent: str) -> Iterator[GivenPair]:
    ranks = [_rank(answer) for answer in answers]
    for first, second in itertools.combinations(range(len(answers)), 2):
        yield GivenPair(
            path,
            (_message(answers[first]),),
            (_message(answers[second]),),
            labels=tuple(_labels(ranks[first], ranks[second], parent)),
            model_first=_model(answers[first]),
            model_second=_model(answers[second]),
            group_id=parent,
        )


def _rank(answer: Mapping[str, Any]) -> int | None:
    rank = answer.get("rank")
    if rank is None:
        return None
    if type(rank) is not int:
        raise RowError("unknown label", f"'rank' is {rank!r}; it should be a whole number")
    return rank


def _labels(first: int | None, second: int | None, parent: str) -> Iterator[GivenLabel]:
    if first is None or second is None:
        return
    verdict = Verdict.TIE if first == second else Verdict.FIRST if first < second else Verdict.SECOND
    yield GivenLabel(ANNOTATOR, "person", verdict, strength=float(second - first), judgement=parent)


def _model(answer: Mapping[str, Any]) -> str | None:
    model = answer.get("model_name")
    return model if isinstance(model, str) and model else None
