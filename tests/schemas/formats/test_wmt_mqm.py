import gzip
import io
import json
import tarfile
from collections import Counter, defaultdict
from contextlib import contextmanager

import pytest

from prefcurate.schemas.canonical import canonical_text
from prefcurate.schemas.formats.base import ReadUnit, SourceFile
from prefcurate.schemas.formats.wmt_mqm import WmtMqmReader
from prefcurate.schemas.records import Auxiliary, Pairs, Unreadable, Verdict
from tests.schemas.formats.reading import (
    SHARED,
    labels_of,
    outcomes,
    pairs_of,
    read_bytes,
    read_sample,
    read_shared,
    text_of,
    verdicts,
)

HEADER = "system\tdoc\tdocSegId\tglobalSegId\trater\tsource\ttarget\tcategory\tseverity\tmetadata\t# Documentation: https://x"
FOLDER = "wmt-mqm-sxs-ende"


def marked(
    system: str, target: str, category: str = "No-error", severity: str = "No-error", rater: str = "r1", seg: str = "1"
) -> str:
    return "\t".join([system, "doc:en-de", seg, seg, rater, 'Say "hi".', target, category, severity, "{}"])


def read(*lines: str, **settings: object):
    return read_bytes(WmtMqmReader(**settings), "mqm.tsv", "\n".join([HEADER, *lines, ""]).encode())


def test_the_sample():
    rows = read_sample(WmtMqmReader(), FOLDER)
    assert outcomes(rows) == {"Auxiliary": 483 - 15, "Pairs": 15}
    assert {len(row.outcome.pairs) for row in rows if isinstance(row.outcome, Pairs)} == {45}


def test_all_of_it_as_its_readme_counts():
    rows = read_shared(WmtMqmReader(), FOLDER)
    # 10,970 errors of 10 systems on 104 segments by 3 raters each: 45 pairs of systems for each of 312 acts.
    assert outcomes(rows) == {"Auxiliary": 10_970 - 312, "Pairs": 312}
    pairs = pairs_of(rows)
    assert len(pairs) == len(labels_of(rows)) == 312 * 45
    assert verdicts(labels_of(rows)) == {"first": 4455, "second": 6082, "tie": 3503}
    assert len({label.annotator for label in labels_of(rows)}) == 10
    # 9,245 marks in translations; of one nothing is left, because it marks the space at the end of a text.
    spans = [(pair, span) for pair in pairs for span in pair.spans]
    assert len(spans) == 9_244
    for pair, span in spans:
        (text,) = text_of(getattr(pair, span.of))
        assert canonical_text(text)[span.start : span.end] == span.text


def test_attention_checks_as_its_readme_counts():
    found: dict[str, Counter[float]] = defaultdict(Counter)
    for pair in pairs_of(read_shared(WmtMqmReader(), FOLDER)):
        for rating in pair.ratings:
            if rating.attribute == "attention_check":
                found[rating.annotator][rating.value] += 1
    assert (found["rater4"][0.0], found["rater4"].total()) == (10, 32)
    assert (found["rater9"][0.0], found["rater9"].total()) == (7, 19)
    assert sum(counts.total() for counts in found.values()) == 220 + 25


def test_scores_are_the_means_that_the_file_carries():
    """`metadata.segment.metrics.MQM` is the mean of the raters; of GPT-4, which was shown twice, both times count together."""
    sums: Counter[tuple[str | None, str | None]] = Counter()
    for pair in pairs_of(read_shared(WmtMqmReader(), FOLDER)):
        for rating in pair.ratings:
            if rating.attribute == "overall":
                system = pair.model_first if rating.of == "first" else pair.model_second
                sums[(system or "").partition("_with_")[0], pair.group_id] -= rating.value
    with tarfile.open(next((SHARED / FOLDER).glob("*.tar.gz"))) as archive:
        table = archive.extractfile(archive.getmembers()[0])
        rows = [line.split("\t") for line in table.read().decode().split("\n")[1:] if line]
    told = {}
    for row in rows:
        segment = json.loads(row[9]).get("segment")
        if segment is not None:
            told[row[0].partition("_with_")[0], f"{row[1]}/{row[2]}"] = segment["metrics"]["MQM"]
    assert len(told) == 9 * 104
    assert all(sums[key] / 3 == pytest.approx(value, abs=1e-9) for key, value in told.items())


def test_fewer_and_lighter_errors_win_and_all_pairs_are_one_act():
    rows = read(
        marked("A", "Sag <v>hi</v>.", "Accuracy/Mistranslation", "Major"),
        marked("A", "Sag hi<v>.</v>", "Fluency/Punctuation", "Minor"),
        marked("B", "Sagen Sie hi."),
        marked("C", "<v>Blah</v>", "Non-translation!", "Major"),
        marked("D", 'Sag "hi"<v>.</v>', "Fluency/Punctuation", "Minor"),
        marked("D", '<v>Sag</v> "hi".', "Style/Unnatural or awkward", "minor"),
        marked("E", "<v>Sprich</v>.", "Source issue", "Major"),
    )
    assert [type(row.outcome) for row in rows] == [Auxiliary] * 6 + [Pairs]
    pairs = pairs_of(rows)
    assert {text_of(pair.prompt)[0] for pair in pairs} == {'Say "hi".'}
    told = {(p.model_first, p.model_second): (p.labels[0].verdict, p.labels[0].strength) for p in pairs}
    assert told["A", "B"] == (Verdict.SECOND, -5.1)
    assert told["A", "C"] == (Verdict.FIRST, pytest.approx(25 - 5.1))
    assert told["A", "D"] == (Verdict.SECOND, pytest.approx(1.1 - 5.1))
    assert told["B", "E"] == (Verdict.TIE, 0.0)  # a fault of the source is none of the translation
    assert len({label.judgement for label in labels_of(rows)}) == 1
    assert {label.kind for label in labels_of(rows)} == {"person"}
    assert [s.text for p in pairs for s in p.spans if p.model_first == "A" and s.of == "first"] == ["hi", "."]


def test_sums_that_are_equal_are_ties_in_whatever_order_they_were_added():
    minor, dot = ("Style/Awkward", "Minor"), ("Fluency/Punctuation", "Minor")
    rows = read(
        *(marked("A", "a", *e) for e in (dot, dot, dot, minor)), *(marked("B", "b", *e) for e in (minor, dot, dot, dot))
    )
    assert verdicts(labels_of(rows)) == {"tie": 1}


def test_a_planted_error_is_a_rating_of_the_rater_and_no_error():
    rows = read(marked("A", "a", "Missed", "HOTW-test"), marked("A", "a"), marked("B", "b", "Found", "HOTW-test"))
    (pair,) = pairs_of(rows)
    assert [label.verdict for label in pair.labels] == [Verdict.TIE]
    checks = {rating.of: rating.value for rating in pair.ratings if rating.attribute == "attention_check"}
    assert checks == {"first": 0.0, "second": 1.0}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (marked("A", "a", "Style", "Grave"), "unknown label"),
        (marked("A", "a", "Perhaps", "HOTW-test"), "unknown label"),
        (marked("A", "a <v>b", "Style", "Minor"), "broken marks"),
        (marked("A", "</v>a<v>", "Style", "Minor"), "broken marks"),
        (marked("A", "e<v>\u0301</v>", "Style", "Minor"), "span inside a character"),
        ("A\tdoc\t1", "ragged row"),
    ],
)
def test_a_row_that_cannot_be_read_leaves_no_score_that_is_too_good(line, reason):
    rows = read(marked("A", "a"), line, marked("B", "b", "Style", "Minor"), marked("C", "c"))
    assert outcomes(rows) == {"Auxiliary": 2, reason: 1, "Pairs": 1}
    known = {(p.model_first, p.model_second): len(p.labels) for p in pairs_of(rows)}
    unknown = 1 if reason == "ragged row" else 0  # nobody knows whose row it was
    assert known == {("A", "B"): unknown, ("A", "C"): unknown, ("B", "C"): 1}


def test_a_rater_of_one_translation_compares_nothing_and_rows_without_a_rater_are_about_nobody():
    rows = read(marked("A", "a", rater="r2"), marked("A", "a"), marked("B", "b"), marked("C", "c", "", "", rater=""))
    assert outcomes(rows) == {"one response": 1, "Auxiliary": 2, "Pairs": 1}
    assert isinstance(rows[0].outcome, Unreadable)


def test_the_instruction_is_a_setting_and_changes_the_fingerprint():
    rows = read(marked("A", "a"), marked("B", "b"), instruction="Translate into German:")
    assert text_of(pairs_of(rows)[0].prompt) == ['Translate into German:\n\nSay "hi".']
    assert WmtMqmReader().fingerprint() != WmtMqmReader(instruction="x").fingerprint()


def test_what_the_rows_before_say_is_part_of_the_row_that_compares():
    one = read(marked("A", "a"), marked("B", "b"))
    other = read(marked("A", "a", "Style", "Minor"), marked("B", "b"))
    assert one[1].identity != other[1].identity and one[1].raw == other[1].raw


def test_where_a_file_breaks_off_the_last_segment_is_compared_by_nobody():
    lines = [marked(s, s, rater=r, seg=str(n)) for n in range(400) for r in ("r1", "r2") for s in ("A", "B")]
    data = gzip.compress("\n".join([HEADER, *lines, ""]).encode(), 0)

    @contextmanager
    def opened(_: SourceFile):
        with gzip.open(io.BytesIO(data[: len(data) // 2])) as stream:
            yield stream

    rows = list(WmtMqmReader().read(ReadUnit(SourceFile("memory://mqm.tsv", "mqm.tsv")), opened))
    assert rows[-1].outcome.reason == "file broken off"
    segments = {pair.group_id for pair in pairs_of(rows)}
    last = max(int(row.identity[0].split("\t")[2]) for row in rows[:-1])
    assert f"doc:en-de/{last}" not in segments and f"doc:en-de/{last - 1}" in segments
