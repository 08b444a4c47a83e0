"""What a store says became of the rows, beside what must have."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.snapshot import Snapshot
from prefcurate.transforms.store.store import Store
from tests.fuzz.corpus import Expected
from tests.helpers import row_accounts

SHOWN = 5
_VOTES = """
    SELECT o.source, o.row_id, a.label, bool_or(o.reversed) AS reversed, count(DISTINCT a.annotation_id) AS n
    FROM occurrences o JOIN annotations a ON a.comparison_id = o.comparison_id
    GROUP BY o.source, o.row_id, a.label
"""
_TURNED = {"a": "b", "b": "a"}


def differences(root: str, expected: Mapping[str, Expected]) -> list[str]:
    """Everything that is not as it must be, in words; nothing when all accounts are exact."""
    store = Store.open(root)
    ran = store.latest("ingest")
    assert ran is not None
    tables = ("occurrences", "intakes", "annotations", "quarantine")
    snapshot = StageContext(store, "report", tables, (), ran.settings, ran.settings).pin()
    return [*_accounts(snapshot, expected), *_quarantine(snapshot, expected), *_votes(snapshot, expected)]


def _accounts(snapshot: Snapshot, expected: Mapping[str, Expected]) -> Iterator[str]:
    found = {account.source: account for account in row_accounts(snapshot)}
    for source, told in expected.items():
        account = found[source]
        got = account.used, account.merged, account.auxiliary, account.quarantined
        wanted = len(told.votes), told.merged, told.auxiliary, told.quarantine.total()
        if got != wanted:
            yield f"{source}: used, merged, auxiliary, quarantined are {got} and should be {wanted}"
        if account.rows != sum(got):
            yield f"{source}: {account.rows} rows, of which {sum(got)} are accounted for"


def _quarantine(snapshot: Snapshot, expected: Mapping[str, Expected]) -> Iterator[str]:
    with snapshot.connect(["quarantine"]) as connection:
        rows = connection.sql("SELECT source, file, line, reason FROM quarantine").fetchall()
    found = Counter(rows)
    wanted = Counter({(source, *at): n for source, told in expected.items() for at, n in told.quarantine.items()})
    yield from _some("was planted and is not in quarantine", (wanted - found).elements())
    yield from _some("is in quarantine and was not planted", (found - wanted).elements())


def _votes(snapshot: Snapshot, expected: Mapping[str, Expected]) -> Iterator[str]:
    with snapshot.connect(["occurrences", "annotations"]) as connection:
        rows = connection.sql(_VOTES).fetchall()
    found = Counter(
        (source, name, _TURNED.get(label, label) if turned else label) for source, name, label, turned, _ in rows
    )
    wanted = Counter((source, name, vote) for source, told in expected.items() for name, vote in told.votes.items())
    yield from _some("should have been stored", (wanted - found).elements())
    yield from _some("is stored and should not be", (found - wanted).elements())


def _some(what: str, found: Iterable[tuple[object, ...]]) -> Iterator[str]:
    items = sorted(map(str, found))
    yield from (f"{item} {what}" for item in items[:SHOWN])
    if len(items) > SHOWN:
        yield f"… and {len(items) - SHOWN:,} more of which each {what}"
