"""Which rows of a shard go when something is forgotten, as SQL over the shard's tables.

A shard holds everything about its prompts, so what goes is a local question: occurrences of forgotten sources and prompts go;
then whatever has lost what it was about. A comparison that another source gave stays, without what the forgotten one said of it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.store.duck import connect
from prefcurate.transforms.store.store import Store
from prefcurate.transforms.store.tombstones import FORGOTTEN, Tombstones

_PAIR_GONE = (
    # What is about no single prompt lies in the first shard, whatever pair it was asked with.
    "CASE WHEN prompt_id = '' THEN comparison_id IN (SELECT id FROM far_pairs) "
    "ELSE comparison_id NOT IN (SELECT comparison_id FROM left_pairs) END"
)
_PROMPT_GONE = "prompt_id <> '' AND prompt_id NOT IN (SELECT prompt_id FROM left_pairs)"
_UNSAID = (
    "occurrence_id IS NOT NULL AND (prompt_id, occurrence_id) NOT IN (SELECT prompt_id, occurrence_id FROM left_rows)"
)
_SOURCE_OF_ANNOTATOR = "split_part(substr(annotator, strpos(annotator, ':') + 1), '/', 1)"
_CAME_WITH_SOURCE = f"(contains(annotator, '/') AND {_SOURCE_OF_ANNOTATOR} IN (SELECT name FROM sources_gone))"  # noqa: S608
_BY = "annotator IN (SELECT name FROM annotators_gone)"
# Who says the same as somebody is named beside them.
_COPIES_GONE = re.sub(r"\bannotator\b", "copy_of", f"{_BY} OR {_CAME_WITH_SOURCE}")
_OF_SOURCE = "source IN (SELECT name FROM sources_gone)"
_TEXT_LEFT = "SELECT prompt_id, unnest([response_a_id, response_b_id]) FROM left_pairs"
_OWN_WORDS = "fingerprint IN (SELECT fingerprint FROM fingerprints_gone)"
# What learned from labels is made anew from those that are left; a written rubric's drafts may quote the pairs that were shown.
_REFITTED = "kind = 'reward_model' AND occurrence_id IS NULL"
_DRAFT = (
    "prompt_id = '' AND attribute = 'rubric' "
    "AND (context NOT IN (SELECT theme FROM clean_themes) OR coalesce(parse_status, '') <> 'ok') AND pairs_gone()"
)
_FACT = f"({_UNSAID}) OR ({_BY}) OR ({_PROMPT_GONE}) OR ({_PAIR_GONE})"

GOING: Mapping[str, str] = {
    "quarantine": _OF_SOURCE,
    "intakes": _OF_SOURCE,
    "occurrences": f"({_OF_SOURCE}) OR prompt_id IN (SELECT name FROM prompts_gone)",  # noqa: S608
    "comparisons": _PAIR_GONE,
    "attributes": f"({_PROMPT_GONE}) OR ({_OWN_WORDS})",
    "calls": f"({_BY}) OR ({_PROMPT_GONE}) OR ({_PAIR_GONE})",
    "annotations": f"({_FACT}) OR ({_REFITTED}) OR ({_DRAFT})",
    "ratings": _FACT,
    "spans": _FACT,
    "materials": _UNSAID,  # a prompt may have materials and no comparison yet
    "embeddings": f"role <> 'benchmark' AND ({_PROMPT_GONE}) OR (role = 'response' AND (prompt_id, text_id) NOT IN ({_TEXT_LEFT}))",
    "gold": _PROMPT_GONE,
    "splits": _PROMPT_GONE,
    "screening": _PAIR_GONE,
    "clusters": _PAIR_GONE,
    "consensus": _PAIR_GONE,
    "routes": _PAIR_GONE,
    "rubrics": "true",
    "criteria": "true",
    "annotators": f"({_BY}) OR {_CAME_WITH_SOURCE}",
    "annotator_quality": f"({_BY}) OR ({_CAME_WITH_SOURCE}) OR ({_COPIES_GONE})",
    "accounts": _OF_SOURCE,
    "agreement": "slice = 'source' AND name IN (SELECT name FROM sources_gone)",
}
"""By table, the rows that go, in the order in which tables are rewritten: what a later one needs to know goes later.

Tables that are not named keep all of their rows: `releases` and `stages` hold ids and counts.
"""

CHANGING: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "quarantine": (
        "row_hash IN (SELECT name FROM rows_gone) AND concat(raw, detail) <> ''",
        {"raw": "''", "detail": "''"},
    ),
    "intakes": (
        "intake_id IN (SELECT intake_id FROM intakes_less)",
        {
            "quarantined": "quarantined + (SELECT rows FROM intakes_less l WHERE l.intake_id = intakes.intake_id)",
            "pairs": "pairs - (SELECT pairs FROM intakes_less l WHERE l.intake_id = intakes.intake_id)",
        },
    ),
    "occurrences": (
        "(comparison_id, occurrence_id, row_hash, fingerprint) IN "
        "(SELECT comparison_id, occurrence_id, row_hash, fingerprint FROM facts_less)",
        {
            "facts": "facts - (SELECT facts FROM facts_less l WHERE l.comparison_id = occurrences.comparison_id AND "
            "l.occurrence_id = occurrences.occurrence_id AND l.row_hash = occurrences.row_hash "
            "AND l.fingerprint = occurrences.fingerprint)"
        },
    ),
}
"""By table, the rows that stay with other values: a condition, and the columns' new values."""

# Every table that loses rows by a name: a forgetting that was stopped must find the name in those that are left.
_SOURCES = {
    "occurrences": "source",
    "intakes": "source",
    "quarantine": "source",
    "accounts": "source",
    "agreement": "CASE slice WHEN 'source' THEN name END",
    "annotator_quality": "source",
    "annotators": f"CASE WHEN contains(annotator, '/') THEN {_SOURCE_OF_ANNOTATOR} END",
}
_ANNOTATORS = dict.fromkeys(
    ("annotations", "ratings", "spans", "calls", "annotators", "annotator_quality"), "annotator"
)
_FACTS_LESS = "CREATE TEMP TABLE facts_less AS SELECT comparison_id, occurrence_id, row_hash, fingerprint, count(*) AS facts FROM ({}) GROUP BY ALL"
_LEFT_ROWS = (
    "CREATE TEMP TABLE left_rows AS SELECT prompt_id, occurrence_id, comparison_id FROM now_occurrences WHERE NOT ({})"
)
_LEFT_PAIRS = (
    "CREATE TEMP TABLE left_pairs AS SELECT comparison_id, prompt_id, response_a_id, response_b_id FROM now_comparisons "
    "WHERE origin = 'probe' AND prompt_id NOT IN (SELECT name FROM prompts_gone) "
    "OR comparison_id IN (SELECT comparison_id FROM left_rows)"
)
_ROWS_OF_PROMPTS = """
    SELECT intake_id, number, min(source) AS source, min(file) AS file, min(line) AS line, min(row_hash) AS row_hash,
        count(*) FILTER (prompt_id IN (SELECT name FROM prompts_gone)) AS gone, count(*) AS pairs
    FROM occurrences SEMI JOIN (
        SELECT DISTINCT intake_id, number FROM occurrences
        WHERE prompt_id IN (SELECT name FROM prompts_gone) AND comparison_id <> ''  -- a row about a prompt alone stays auxiliary
    ) AS touched USING (intake_id, number)
    WHERE source NOT IN (SELECT name FROM sources_gone)
    GROUP BY intake_id, number ORDER BY intake_id, number
"""


@dataclass(frozen=True)
class Gone:
    """What is forgotten, in this store's own words, and what has to be known of all shards to take it away.

    Attributes:
        sources, prompts, annotators, rows: names, prompt ids, names as in the tables, hashes of rows.
        fingerprints: under which annotators that go made other facts (descriptions, rubrics).
        far_pairs: comparisons that go and that some row about no single prompt was asked with.
        pairs: whether any comparison goes.
        clean_themes: themes whose written rubrics were shown none of the comparisons that go.
        quarantined: rows of which nothing is left, as rows of `quarantine`.
        intakes_less: by intake, rows that are quarantined now and pairs that go.
    """

    sources: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    annotators: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()
    far_pairs: tuple[str, ...] = ()
    pairs: bool = False
    clean_themes: tuple[str, ...] = ()
    quarantined: tuple[Mapping[str, object], ...] = ()
    intakes_less: tuple[tuple[str, int, int], ...] = ()


def conditions(table: str) -> tuple[str, str]:
    """Whether a row of a table goes, and whether it stays with other values, as SQL that is never null."""
    changes, _ = CHANGING.get(table, ("false", {}))
    goes = f"coalesce({GOING[table]}, false)"
    return goes, f"NOT {goes} AND coalesce({changes}, false)"


def rest(table: str) -> str:
    """The rows of a registered part that stay, in the table's order."""
    goes, changes = conditions(table)
    _, values = CHANGING.get(table, ("", {}))
    new = ", ".join(
        f"CASE WHEN {changes} THEN {value} ELSE {column} END AS {column}" for column, value in values.items()
    )
    order = ", ".join(f'"{column}"' for column in TABLES[table].order)
    replaced = f"REPLACE ({new})" if new else ""
    return f"SELECT * {replaced} FROM {table} WHERE NOT {goes} ORDER BY {order}"  # noqa: S608


def named(store: Store, wanted: Tombstones) -> Gone:
    """The names that a request's hashes stand for in a store; what no row bears any more has none."""
    return Gone(
        sources=tuple(name for name in sources_of(store) if wanted.has_source(name)),
        prompts=tuple(sorted(wanted.prompts)),
        annotators=tuple(name for name in annotators_of(store) if wanted.has_annotator(name)),
        rows=tuple(sorted(wanted.rows)),
    )


def sources_of(store: Store) -> list[str]:
    """The names of all sources that any table of a store knows."""
    return _distinct(store, _SOURCES)


def annotators_of(store: Store) -> list[str]:
    """The names of all annotators that any table of a store knows."""
    return _distinct(store, _ANNOTATORS)


def has_prompt(store: Store, prompt: str) -> bool:
    """Whether a store has comparisons of a prompt."""
    return prompts_like(store, prompt, 1) == [prompt]


def prompts_like(store: Store, beginning: str, most: int = 5) -> list[str]:
    """Some prompt ids that begin like one, or like its first letters."""
    with connect() as connection:
        connection.register("comparisons", store.dataset("comparisons"))
        query = (
            "SELECT DISTINCT prompt_id FROM comparisons WHERE starts_with(prompt_id, $beginning) "
            "ORDER BY prompt_id LIMIT $most"
        )
        for length in (len(beginning), 8, 4):
            params = {"beginning": beginning[:length], "most": most}
            found = [prompt for (prompt,) in connection.sql(query, params=params).fetchall()]
            if found and beginning:
                return found
    return []


def _distinct(store: Store, queries: Mapping[str, str]) -> list[str]:
    with connect() as connection:
        for table in queries:
            connection.register(table, store.dataset(table))
        union = " UNION ".join(f"SELECT {query} FROM {table}" for table, query in queries.items())  # noqa: S608 of this module
        return [name for (name,) in connection.sql(f"SELECT * FROM ({union}) ORDER BY 1").fetchall() if name]  # noqa: S608


def rows_of_prompts(
    store: Store, gone: Gone
) -> tuple[tuple[Mapping[str, object], ...], tuple[tuple[str, int, int], ...]]:
    """Rows of which nothing is left when prompts go, as rows of `quarantine`, and what the accounts of their files lose.

    A row can give pairs of several prompts, in several shards: one that still gives some of them is as used as before.
    """
    if not gone.prompts:
        return (), ()
    with connect() as connection:
        _register_names(connection, gone)
        connection.register("occurrences", store.dataset("occurrences"))
        touched = connection.sql(_ROWS_OF_PROMPTS).to_arrow_table().to_pylist()
    less: dict[str, list[int]] = {}
    for row in touched:
        counted = less.setdefault(row["intake_id"], [0, 0])
        counted[0] += row["gone"] == row["pairs"]
        counted[1] += row["gone"]
    columns = ("intake_id", "number", "source", "file", "line", "row_hash")
    told = {"prompt_id": "", "reason": FORGOTTEN, "detail": "", "raw": ""}
    quarantined = [told | {c: row[c] for c in columns} for row in touched if row["gone"] == row["pairs"]]
    return tuple(quarantined), tuple((intake, rows, pairs) for intake, (rows, pairs) in sorted(less.items()))


@contextmanager
def shard_of_store(store: Store, shard: int, gone: Gone) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that knows what goes of a shard: its tables as ``now_<table>``, and all names of `GOING` and `CHANGING`."""
    with connect() as connection:
        for table in TABLES:
            connection.register(f"now_{table}", store.dataset(table, shard=shard))
        _register_names(connection, gone)
        said = " UNION ALL ".join(
            f"SELECT comparison_id, occurrence_id, row_hash, fingerprint FROM now_{table} WHERE {_BY} AND occurrence_id IS NOT NULL"  # noqa: S608
            for table in ("annotations", "ratings", "spans")
        )
        connection.execute(_FACTS_LESS.format(said))
        connection.execute(_LEFT_ROWS.format(GOING["occurrences"]))
        connection.execute(_LEFT_PAIRS)
        yield connection


def _register_names(connection: duckdb.DuckDBPyConnection, gone: Gone) -> None:
    for kind in ("sources", "prompts", "annotators", "rows"):
        connection.register(f"{kind}_gone", _column("name", getattr(gone, kind)))
    connection.register("fingerprints_gone", _column("fingerprint", gone.fingerprints))
    connection.register("far_pairs", _column("id", gone.far_pairs))
    connection.register("clean_themes", _column("theme", gone.clean_themes))
    intakes, rows, pairs = zip(*gone.intakes_less, strict=True) if gone.intakes_less else ((), (), ())
    less = {
        "intake_id": pa.array(intakes, pa.string()),
        "rows": pa.array(rows, pa.int64()),
        "pairs": pa.array(pairs, pa.int64()),
    }
    connection.register("intakes_less", pa.table(less))
    connection.execute(f"CREATE TEMP MACRO pairs_gone() AS {gone.pairs}")


def _column(name: str, values: Iterable[str]) -> pa.Table:
    return pa.table({name: pa.array(list(values), pa.string())})
