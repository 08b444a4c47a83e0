"""`prefcurate diff STORE A B`: what changed between two releases, and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from prefcurate.pipelines.plain import line, neutral, wrapped
from prefcurate.transforms.measures.personal import masked
from prefcurate.transforms.publish.fates import REASONS
from prefcurate.transforms.publish.options import SPLITS
from prefcurate.transforms.publish.releases import Release, current_id, open_release
from prefcurate.transforms.store.duck import connect
from prefcurate.transforms.store.store import Store

Kind = Literal["added", "removed", "moved", "flipped", "redecided", "band", "probability", "details"]
KINDS: dict[Kind, str] = {
    "moved": "in another split (this must never happen: please report it)",
    "flipped": "published with the opposite label",
    "redecided": "same label, decided otherwise",
    "band": "same decision, in another curriculum band",
    "probability": "same decision and band, p_chosen moved by more than 0.05",
    "details": "same label and band; weight, sources, licences or masked texts changed, or p_chosen by a little",
    "added": "added",
    "removed": "removed",
}
"""What may have happened to a pair; one that changed in several ways is counted under the first."""


@dataclass(frozen=True)
class Reason:
    """How many pairs changed in one way for one reason."""

    kind: Kind
    reason: str
    pairs: int


@dataclass(frozen=True)
class Change:
    """One pair that changed: the beginning of its prompt, and how it was published before and after."""

    kind: Kind
    comparison_id: str
    reason: str
    prompt: str
    before: str
    after: str


@dataclass(frozen=True)
class BandMove:
    """How many pairs went from one curriculum band to another."""

    before: str
    after: str
    pairs: int


@dataclass(frozen=True)
class ReleaseDiff:
    """What changed from release `a` to release `b`: rows of each, counts with reasons, some examples, and by what each was decided.

    `bands` counts all pairs of both releases that changed their band, whatever else happened to them.
    """

    a: str
    b: str
    rows_a: int
    rows_b: int
    unchanged: int
    reasons: tuple[Reason, ...]
    examples: tuple[Change, ...]
    decided_by: tuple[str, str] = ("", "")
    bands: tuple[BandMove, ...] = ()

    def count(self, kind: Kind) -> int:
        """Pairs that changed in one way."""
        return sum(each.pairs for each in self.reasons if each.kind == kind)


# No text goes through a join: it would be held in memory. Two releases hold the same two texts of a pair, but for personal data that one masks.
_MET = """
    CREATE TEMP TABLE met AS
    WITH one AS (SELECT * EXCLUDE (prompt, chosen, rejected), hash(prompt) AS asked, hash(chosen) AS won, hash(rejected) AS lost FROM rows_a),
    two AS (SELECT * EXCLUDE (prompt, chosen, rejected), hash(prompt) AS asked, hash(chosen) AS won, hash(rejected) AS lost FROM rows_b)
    SELECT coalesce(a.comparison_id, b.comparison_id) AS comparison_id, a, b, CASE WHEN a.won = b.won OR a.lost = b.lost THEN false
        WHEN a.won = b.lost OR a.lost = b.won THEN true END AS flipped
    FROM one a FULL JOIN two b USING (comparison_id)
"""
_UNTOLD = """
    SELECT comparison_id, [m.content FOR m IN chosen] FROM {} SEMI JOIN
        (FROM met WHERE flipped IS NULL AND a.comparison_id IS NOT NULL AND b.comparison_id IS NOT NULL) USING (comparison_id)
    ORDER BY comparison_id
"""
_TOLD = """
    CREATE TEMP MACRO told(pair) AS CASE WHEN pair.comparison_id IS NULL THEN 'not published' ELSE pair.split || ', ' || pair.decision || ' by '
        || pair.label_source || printf(', p_chosen %.3f, weight %.3f', pair.p_chosen, pair.weight) || coalesce(', ' || pair.band, '') END
"""
# Before there were bands they were null, which is no other band.
_PAIRS = """
    CREATE TEMP TABLE pairs AS
    SELECT comparison_id, CASE WHEN a.comparison_id IS NULL THEN 'added' WHEN b.comparison_id IS NULL THEN 'removed'
            WHEN a.split <> b.split THEN 'moved' WHEN flipped THEN 'flipped'
            WHEN a.decision <> b.decision OR a.label_source <> b.label_source THEN 'redecided'
            WHEN a.band <> b.band THEN 'band'
            WHEN abs(a.p_chosen - b.p_chosen) > $moved THEN 'probability'
            WHEN a.weight <> b.weight OR a.sources <> b.sources OR a.licences <> b.licences OR a.p_chosen <> b.p_chosen
                OR a.asked <> b.asked OR a.won <> b.won OR a.lost <> b.lost THEN 'details' END AS kind,
        told(a) AS before, told(b) AS after, a.band || ' to ' || b.band AS bands
    FROM met
"""
_BANDS = """
    SELECT a.band, b.band, count(*) FROM met WHERE a.band <> b.band GROUP BY ALL ORDER BY 3 DESC, 1, 2
"""
_EXPLAINED = """
    CREATE TEMP TABLE explained AS
    SELECT p.*, CASE p.kind WHEN 'added' THEN coalesce('was withheld: ' || a.reason, 'new among the comparisons')
        WHEN 'removed' THEN coalesce('withheld: ' || b.reason, 'no longer among the comparisons of the configured sources')
        WHEN 'band' THEN 'from ' || p.bands
        ELSE coalesce(c.reason, 'consensus of another state of the store') END AS why, b.detail
    FROM (SELECT * FROM pairs WHERE kind IS NOT NULL) p
    LEFT JOIN withheld_a a USING (comparison_id) LEFT JOIN withheld_b b USING (comparison_id)
    LEFT JOIN consensus c USING (comparison_id)
"""
MOVED = 0.05
"""A change of p_chosen that is told."""


def diff(store: Store, a: str, b: str = "current", examples: int = 3) -> ReleaseDiff:
    """Compares two releases row by row, and says why from the withheld lists and today's consensus.

    Args:
        store: the store that holds both.
        a: the earlier release: its id, the beginning of one, or `current`.
        b: the later one.
        examples: pairs shown of each kind of change.

    Raises:
        StoreError: a release does not exist; the message lists those that do.
    """
    one, two = open_release(store.root, a), open_release(store.root, b)
    with connect() as connection:
        connection.register("rows_a", one.dataset())
        connection.register("rows_b", two.dataset())
        connection.register("withheld_a", one.dataset("withheld"))
        connection.register("withheld_b", two.dataset("withheld"))
        connection.register("consensus", _consensus(store, two))
        connection.execute(_MET)
        _compare_masked(connection)
        connection.execute(_TOLD)
        connection.execute(_PAIRS, {"moved": MOVED})
        connection.execute(_EXPLAINED)
        counted = connection.sql(
            "SELECT kind, why, count(*) FROM explained GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2"
        ).fetchall()
        unchanged = connection.sql("SELECT count(*) FROM pairs WHERE kind IS NULL").fetchall()[0][0]
        shown = _examples(connection, examples)
        bands = tuple(BandMove(*row) for row in connection.sql(_BANDS).fetchall())
    rows = [sum(release.manifest["rows"][split] for split in SPLITS) for release in (one, two)]
    reasons = tuple(Reason(*row) for row in counted)
    by = (_decided_by(one), _decided_by(two))
    return ReleaseDiff(one.release_id, two.release_id, rows[0], rows[1], unchanged, reasons, shown, by, bands)


def _compare_masked(connection: duckdb.DuckDBPyConnection) -> None:
    """Decides about the few pairs of which both responses hold personal data that one release masks and the other does not."""
    one, two = (connection.sql(_UNTOLD.format(rows)).fetchall() for rows in ("rows_a", "rows_b"))
    for (pair, before), (_, after) in zip(one, two, strict=True):
        flipped = [masked(text or "")[0] for text in before] != [masked(text or "")[0] for text in after]
        connection.execute(
            "UPDATE met SET flipped = $flipped WHERE comparison_id = $pair", {"flipped": flipped, "pair": pair}
        )


def _decided_by(release: Release) -> str:
    told = release.manifest.get("decided_by")
    return f"policy {told['policy']}, min_accuracy {told['min_accuracy']:g}" if told else ""


def _policies(found: ReleaseDiff) -> Iterable[str]:
    """What decided, where it is not the same."""
    before, after = (neutral(told) or "an earlier prefcurate" for told in found.decided_by)
    if before != after:
        yield f"decided by {before} before, by {after} after"


def _moves(found: ReleaseDiff) -> Iterable[str]:
    """Which bands pairs went between: who trains by band sees another train set, whatever else is the same."""
    if found.bands:
        moves = ", ".join(f"{each.pairs:,} from {each.before} to {each.after}" for each in found.bands)
        yield f"{sum(each.pairs for each in found.bands):,} pairs of both are in another curriculum band: {moves}"


def render(found: ReleaseDiff) -> str:
    """The differences in words, for a terminal."""
    head = [
        f"release {found.a}: {found.rows_a:,} pairs",
        f"release {found.b}: {found.rows_b:,} pairs, of which {found.unchanged:,} are as they were",
        *_policies(found),
        *_moves(found),
    ]
    if found.a == found.b:
        return "\n".join([*head[:1], "Both names mean this one release: nothing changed."])
    if not found.reasons:
        return "\n".join([*head, "No pair was added, removed or changed."])
    return "\n".join([*head, *(text for kind in KINDS for text in _section(found, kind))])


def _section(found: ReleaseDiff, kind: Kind) -> Iterable[str]:
    reasons = [each for each in found.reasons if each.kind == kind]
    if not reasons:
        return
    yield f"\n{found.count(kind):,} {KINDS[kind]}"
    for each in reasons[:8]:
        yield wrapped(f"{each.pairs:,}  {_in_words(each.reason)}", 4)
    if len(reasons) > 8:
        yield f"    … and {len(reasons) - 8} more reasons"
    for change in (each for each in found.examples if each.kind == kind):
        yield f"  e.g. {change.comparison_id}  {line(change.prompt, 60)}"
        yield wrapped(f"before: {change.before}", 7)
        yield wrapped(f"after:  {change.after}", 7)
        yield wrapped(_in_words(change.reason), 7)


def _in_words(reason: str) -> str:
    """A reason with the meaning of its code."""
    where, _, code = reason.partition(": ")
    meaning = REASONS.get(code.split(" (")[0])
    return neutral(f"{where}: {code}, {meaning}" if meaning else reason)


def _consensus(store: Store, release: Release) -> pa.Table:
    """Today's reasons, when the later release is the one that they led to."""
    columns = ["comparison_id", "reason"]
    wanted = (pc.field("attribute") == "overall") & (pc.field("context") == "none")
    if release.release_id != current_id(store.root):
        wanted &= pc.scalar(False)
    return store.dataset("consensus").to_table(columns=columns, filter=wanted)


def _examples(connection: duckdb.DuckDBPyConnection, most: int) -> tuple[Change, ...]:
    rows = connection.sql(
        """
        WITH shown AS (
            SELECT * FROM explained
            QUALIFY row_number() OVER (PARTITION BY kind ORDER BY comparison_id) <= $most
        ),
        texts AS (
            SELECT comparison_id, prompt[-1].content AS prompt FROM rows_a SEMI JOIN shown USING (comparison_id)
            UNION SELECT comparison_id, prompt[-1].content FROM rows_b SEMI JOIN shown USING (comparison_id)
        )
        SELECT kind, comparison_id, why || CASE WHEN kind = 'removed' AND detail IS NOT NULL
            THEN ' (' || detail || ')' ELSE '' END, coalesce(prompt, ''), before, after
        FROM shown LEFT JOIN texts USING (comparison_id) ORDER BY kind, comparison_id
        """,
        params={"most": most},
    ).fetchall()
    return tuple(Change(kind, pair, why, prompt, before, after) for kind, pair, why, prompt, before, after in rows)
