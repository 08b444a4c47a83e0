"""UKPConvArg1: pairs of arguments with five crowd votes each, as XStream XML (Habernal & Gurevych 2016, ACL P16-1150).

The prompt is put into words from the debate's title, description and the side that both arguments take. The file's
`goldLabel` and `turkCompetence` are estimates from the same votes (MACE), so they are no opinions and are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any, ClassVar
from xml.parsers import expat

from prefcurate.schemas.formats.base import Opener, Reader, ReadUnit
from prefcurate.schemas.formats.lines import MAX_ROW_BYTES, Guarded
from prefcurate.schemas.formats.rows import RowError, assistant, raw_of, user
from prefcurate.schemas.formats.times import between, leniently, moment
from prefcurate.schemas.records import GivenLabel, GivenPair, InputRow, Pairs, Unreadable, Verdict

ROW_TAG = "annotatedArgumentPair"
_VERDICTS = {"a1": Verdict.FIRST, "a2": Verdict.SECOND, "equal": Verdict.TIE}
_CHUNK = 1 << 16


class UkpReader(Reader):
    """Each `annotatedArgumentPair` is one row; every assignment in it is one worker's vote with the reason given.

    The file is untrusted: it is parsed as it streams, and one with a document type, which could define entities, is
    refused. `line` is the element's number. Which argument a worker saw first is not told. The time that a vote took is that of its
    assignment, which may hold up to three pairs.
    """

    format: ClassVar[str] = "ukp"
    version: ClassVar[int] = 2
    suffixes: ClassVar[tuple[str, ...]] = (".xml",)

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every pair of the unit's file, in file order."""
        with open_file(unit.file) as stream:
            for number, item in enumerate(elements(stream, ROW_TAG), start=1):
                yield _row(number, item)


@dataclass(slots=True)
class Element:
    """An XML element: its text, and its children in order."""

    tag: str
    pieces: list[str] = field(default_factory=list)
    children: list["Element"] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text directly inside, without what stands around children."""
        return "".join(self.pieces)

    def find(self, tag: str) -> "Element | None":
        """The first child of a tag."""
        return next((child for child in self.children if child.tag == tag), None)

    def need(self, path: str) -> str:
        """The text of a descendant, a tag or tags joined by ``/``.

        Raises:
            RowError: there is none, or it is blank.
        """
        found: Element | None = self
        for tag in path.split("/"):
            found = found.find(tag) if found is not None else None
        if found is None or not found.text.strip():
            raise RowError("field missing", f"<{path}> is missing or empty in <{self.tag}>")
        return found.text

    def get(self, tag: str) -> str:
        """The text of a child, empty when there is none."""
        found = self.find(tag)
        return found.text if found is not None else ""

    def as_json(self) -> list[Any]:
        """For hashing; text between children is layout. Worked through without recursion: depth is the file's."""
        made: dict[int, list[Any]] = {}
        stack = [(self, False)]
        while stack:
            element, ready = stack.pop()
            if not ready:
                stack.append((element, True))
                stack.extend((child, False) for child in element.children)
                continue
            inner: Any = [made.pop(id(child)) for child in element.children] or element.text
            made[id(element)] = [element.tag, inner]
        return made[id(self)]


class _Refused(Exception):
    """The file asks for something that no data file needs."""


class _Collector:
    """Builds the elements of one tag while the parser runs; everything outside of them is skipped."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.done: list[Element] = []
        self.open: list[Element] = []
        self.size = 0

    def start(self, tag: str, _: dict[str, str]) -> None:
        if not self.open and tag != self.tag:
            return
        if len(self.open) > 100:
            raise _Refused("elements are nested more than 100 deep")
        element = Element(tag)
        if self.open:
            self.open[-1].children.append(element)
        self.open.append(element)

    def end(self, _: str) -> None:
        if not self.open:
            return
        element = self.open.pop()
        if not self.open:
            self.done.append(element)
            self.size = 0

    def data(self, text: str) -> None:
        if self.open:
            self.open[-1].pieces.append(text)
            self.size += len(text)
            if self.size > MAX_ROW_BYTES:
                raise _Refused(f"one element holds more than {MAX_ROW_BYTES:,} characters")

    def refuse(self, *_: Any) -> None:
        raise _Refused("the file has a document type, which could define entities")


def elements(stream: IO[bytes], tag: str) -> Iterator[Element | Unreadable]:
    """Elements of a tag from an XML file as it streams; where the file breaks, a last item says why."""
    guard = Guarded(stream)
    collector = _Collector(tag)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = collector.start, collector.end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = collector.data, collector.refuse
    buffer = bytearray(_CHUNK)
    problem: Unreadable | None = None
    ended = False
    while problem is None and not ended:
        size = guard.readinto(buffer)
        ended = size == 0
        if ended and guard.problem is not None:
            problem = guard.problem
            break
        problem = _parse(parser, bytes(buffer[:size]), ended)
        yield from collector.done
        collector.done.clear()
    if problem is not None:
        yield problem


def _parse(parser: expat.XMLParserType, data: bytes, last: bool) -> Unreadable | None:
    try:
        parser.Parse(data, last)
    except expat.ExpatError as error:
        return Unreadable("bad XML", f"{expat.errors.messages[error.code]} at line {error.lineno}")
    except _Refused as error:
        return Unreadable("XML refused", f"{error} (line {parser.CurrentLineNumber})")
    return None


def _row(number: int, item: Element | Unreadable) -> InputRow:
    if isinstance(item, Unreadable):
        return InputRow(number, [item.reason, item.detail], item)
    identity = item.as_json()
    try:
        outcome: Pairs | Unreadable = Pairs((_pair(item),))
    except RowError as error:
        outcome = Unreadable(error.reason, error.detail)
    return InputRow(number, identity, outcome, row_id=item.get("id").strip() or None, raw=raw_of(identity))


def _pair(item: Element) -> GivenPair:
    stance = item.need("arg1/stance").strip()
    if item.need("arg2/stance").strip() != stance:
        raise RowError("two prompts", "the arguments take different sides, so they answer different prompts")
    votes = item.find("mTurkAssignments")
    return GivenPair(
        user(_prompt(item, stance)),
        assistant(item.need("arg1/text")),
        assistant(item.need("arg2/text")),
        labels=tuple(_vote(vote) for vote in votes.children) if votes is not None else (),
    )


def _prompt(item: Element, stance: str) -> str:
    title = item.need("debateMetaData/title").strip()
    debate = item.find("debateMetaData")
    description = debate.get("description").strip() if debate is not None else ""
    about = f"\n\nAbout the debate: {description}" if description else ""
    return f'In the debate "{title}", make a convincing argument for this side: {stance}{about}'


def _vote(vote: Element) -> GivenLabel:
    value = vote.get("value").strip()
    verdict = _VERDICTS.get(value)
    ended = vote.get("assignmentSubmitTime").strip()
    return GivenLabel(
        vote.need("turkID").strip(),
        "person",
        verdict,
        rationale=vote.get("reason").strip() or None,
        raw_output=None if verdict else value,
        parse_status="ok" if verdict else "unparsed" if value else "empty",
        answered_at=leniently(moment, ended),
        seconds=leniently(between, vote.get("assignmentAcceptTime"), ended),
    )
