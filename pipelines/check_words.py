"""What `prefcurate check` understood, in words for a terminal."""

from collections import Counter
from collections.abc import Iterator

from prefcurate.pipelines.check import SHOWN, BenchmarkReport, CheckReport, SourceReport, listed
from prefcurate.transforms.ingest.agreement import Agreement
from prefcurate.transforms.ingest.understand import KIND_WORDS, Understanding, shortened
from prefcurate.transforms.intervals import wilson
from prefcurate.transforms.measures.rules import FEWEST, says_alone

_SILENT = {
    "unparsed": "labels that could not be understood",
    "refused": "labels without a verdict, refused, skipped or discarded",
    "empty": "labels without a verdict, no answer given",
}
_RULES = {"longer": ("clearly longer", "length"), "formatted": ("more formatted", "looks")}


def render(report: CheckReport) -> str:
    """The report as text for a terminal."""
    blocks = ["\n".join(source_lines(source)) for source in report.sources]
    blocks += ["\n".join(_benchmark_line(benchmark) for benchmark in report.benchmarks)]
    warnings = [_warning(agreement) for agreement in report.reversed]
    warnings += [_lost(source.seen) for source in report.sources if source.seen.used and source.seen.unreadable]
    warnings += [_not_understood(source.seen) for source in report.sources if _is_worded(source.seen)]
    read = "" if all(source.whole for source in report.sources) else " in the rows read"
    warnings += [f"WARNING: {nobody}{read}" for nobody in report.nobody]
    mistakes = [f"WRONG: {mistake}" for mistake in report.mistakes]
    verdict = "" if warnings or mistakes else "Nothing looks wrong. Do the words above say what the data mean?"
    return "\n\n".join(block for block in [*blocks, *warnings, *mistakes, verdict] if block)


def _benchmark_line(report: BenchmarkReport) -> str:
    as_data = f" (read by {report.format}; `use: data` under `sources` trains on it)" if report.format else ""
    return f"{report.name}: a benchmark of {report.texts:,} texts, which are kept out of train{as_data}"


def source_lines(report: SourceReport) -> Iterator[str]:
    """What was understood of a source, a line each."""
    seen = report.seen
    yield f"{report.name} ({report.format})"
    yield f"  {_reading(report)}"
    yield f"  {_accounts(seen)}"
    for item in sorted(seen.quarantined.values(), key=lambda item: -item.rows)[:SHOWN]:
        yield f"    unreadable: {item.rows:,} x {item.reason}, e.g. {item.where}: {item.detail}"
    for example in seen.examples:
        yield f"  for example {example.where}:"
        yield f"    prompt  {example.prompt}"
        yield f"    first   {example.first}"
        yield f"    second  {example.second}"
        yield from (f"    {opinion}" for opinion in example.opinions[:SHOWN] or ("no label",))
    yield from (f"  {line}" for line in _label_lines(seen))
    if report.unread:
        yield f"  not read: {listed(report.unread)}"
    yield from (f"  note: {note}" for note in report.notes)


def _reading(report: SourceReport) -> str:
    files = f"{report.files:,} file{'' if report.files == 1 else 's'}"
    if report.whole:
        return f"{files}, {report.seen.rows:,} rows, all read"
    opened = "" if report.opened == report.files else f" of {report.opened:,} of them"
    return f"{files}; the first {report.seen.rows:,} rows{opened} read"


def _accounts(seen: Understanding) -> str:
    parts = [f"{seen.used:,} used, giving {seen.pairs:,} pairs"]
    parts += [f"{seen.unlabelled:,} pairs without a label"] if seen.unlabelled else []
    joined = seen.auxiliary - seen.alone
    parts += [f"{joined:,} joined into others"] if joined else []
    parts += [f"{seen.alone:,} about a prompt alone (no pair)"] if seen.alone else []
    parts += [f"{seen.unreadable:,} unreadable"] if seen.unreadable else []
    parts += [f"{seen.ratings:,} ratings"] if seen.ratings else []
    parts += [f"{seen.spans:,} marked spans"] if seen.spans else []
    parts += [f"{count:,} x {kind}" for kind, count in sorted(seen.materials.items())]
    return ", ".join(parts)


def _label_lines(seen: Understanding) -> Iterator[str]:
    if not seen.annotators:
        return
    yield f"labels: {_histogram(seen.given)}; as stored: {_histogram(seen.stored)}"
    for why, words in _SILENT.items():
        if seen.silent[why]:
            yield f"{words}: {seen.silent[why]:,}"
    known = seen.shown.total()
    if known:
        share = seen.shown["first_shown"] / known
        yield f"the response shown first was preferred in {share:.0%} of {known:,} preferences whose order is known"
    else:
        yield "which response was shown first is not known"
    yield from (_taken(seen, rule, words) for rule, words in _RULES.items() if _times(seen, rule) >= FEWEST)
    top = seen.annotators.most_common(SHOWN)
    names = ", ".join(f"{shortened(name, 40)} ({KIND_WORDS[kind]}) {count:,}" for (name, kind), count in top)
    more = len(seen.annotators) - len(top)
    yield f"annotators: {names}" + (f" and {more:,} more" if more else "")


def _times(seen: Understanding, rule: str) -> int:
    return seen.taken[rule, True] + seen.taken[rule, False]


def _taken(seen: Understanding, rule: str, words: tuple[str, str]) -> str:
    n = _times(seen, rule)
    share = seen.taken[rule, True] / n
    alone = says_alone(share, wilson(share, n)[0], n)
    told = f"the {words[0]} response was preferred in {share:.0%} of {n:,} preferences where there is one"
    return f"{told}: labels may be about {words[1]}" if alone else told


def _histogram(counts: Counter[str]) -> str:
    order = ["first", "a", "second", "b", "tie", "both_good", "both_bad", "unratable"]
    return ", ".join(f"{name} {counts[name]:,}" for name in order if counts[name]) or "none"


def _lost(seen: Understanding) -> str:
    return (
        f"WARNING: source {seen.source!r}: {seen.unreadable:,} of {seen.rows:,} rows cannot be read (why stands above, at "
        "`unreadable`); a run goes on without them and puts them into quarantine"
    )


def _is_worded(seen: Understanding) -> bool:
    """Whether there are labels that were not understood, in rows that somebody described: judges of published sets ramble by themselves."""
    return bool(seen.silent["unparsed"] and seen.looked_up)


def _not_understood(seen: Understanding) -> str:
    said = ", ".join(f"{shortened(value, 40)!r} ({count:,})" for value, count in seen.unparsed.most_common(SHOWN))
    return (
        f"WARNING: source {seen.source!r}: {seen.silent['unparsed']:,} labels could not be understood: {said}; say under `values` "
        "what they mean (`skip` for no label)"
    )


def _warning(agreement: Agreement) -> str:
    return (
        f"WARNING: {agreement.who} and the others ({listed(agreement.others)}) agree on {agreement.share:.0%} of "
        f"{agreement.n:,} pairs, less than chance would: labels look reversed. If they are about the response shown first and second, say "
        "which was shown first (`order`) and `of: shown` at the label; if a and b are mixed up, turn its `values`."
    )
