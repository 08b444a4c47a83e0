"""The same rows through the same libraries in a bare loop over two processes: what a stage could at best cost.

    python -m tests.benchmarks.bare ingest|screen|consensus|publish CONFIG FOLDER

No Beam, no store, no units, no pinned versions, no commits, no accounts, no quarantine, one kind of row. What remains:

- ingest: `json.loads`, canonical text and ids of `schemas.canonical`, Arrow tables split by shard into Parquet, then for each
  shard DuckDB's sort and Parquet (zstd) of comparisons, occurrences and annotations with all of their columns and the stage's ids. The
  reader is a few lines instead of one that a configuration describes;
- screen: the stage's own functions for shingles, rensa's MinHash, benchmark runs and refusals, numpy's sorts of the bands, scipy's
  components, Parquet;
- consensus: DuckDB's join of votes, the stage's own functions for votes, fit (crowd-kit) and decisions, Parquet;
- publish: scipy's components for splits, then for each shard one DuckDB query that joins, renders and sorts, Parquet (zstd), sha256.

The last three read the parts that the stages before wrote.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prefcurate.pipelines.config import Config, load_config
from prefcurate.schemas import canonical
from prefcurate.schemas.records import Message
from prefcurate.schemas.tables import PREFERENCES, TABLES
from prefcurate.transforms.consensus.decide import Rules
from prefcurate.transforms.consensus.fit import fit_label_model
from prefcurate.transforms.consensus.model import load_model, save_model
from prefcurate.transforms.consensus.rows import consensus_rows
from prefcurate.transforms.consensus.shard import _VOTES, ShardVotes, vote_table
from prefcurate.transforms.consensus.votes import VOTES, votes_of
from prefcurate.transforms.ingest.benchmarks import read_benchmark
from prefcurate.transforms.labels import labels_in
from prefcurate.transforms.publish.rows import _PLAIN
from prefcurate.transforms.publish.splits import KNOWN, assign_splits
from prefcurate.transforms.screen.benchmarks import BenchmarkIndex, build_index
from prefcurate.transforms.screen.candidates import bucket_pairs
from prefcurate.transforms.screen.clusters import clusters
from prefcurate.transforms.screen.compare import compare, decide
from prefcurate.transforms.screen.flags import SCHEMA, flags_of_rows
from prefcurate.transforms.screen.meeting import met_by
from prefcurate.transforms.screen.rows import Row
from prefcurate.transforms.screen.sketch import load, save
from prefcurate.transforms.screen.sketching import Sketcher
from prefcurate.transforms.store.store import Store

PROCESSES = 2
_TEXT = ("comparison_id", "prompt_id", "conversation_id", "prompt_text", "response_a_text", "response_b_text")
_COLUMNS = [field.name for field in TABLES["comparisons"].schema]
_OCCURRENCE = [f for f in TABLES["occurrences"].schema if f.name not in ("prompt_id", "comparison_id")]
_OUTER = ("prompt_id", "comparison_id", "occurrence_id", "row_hash", "fingerprint")
_OPINION = [f for f in TABLES["annotations"].schema if f.name not in _OUTER]
_FACTS = pa.schema(
    [
        *TABLES["comparisons"].schema.remove_metadata(),
        *_OCCURRENCE,
        ("opinions", pa.list_(pa.struct(_OPINION))),
    ]
)


def _each(work: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
    # Forked from a server that has everything imported once and no thread, as the stages' workers are.
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.benchmarks.bare"])
    with context.Pool(PROCESSES) as pool:
        return pool.map(work, items, chunksize=1)


def _paths(store: Store, table: str, shard: int) -> list[str]:
    return [path for of, path in store.files(table) if of == shard]


def _write(path: Path, tables: Iterable[pa.Table | pa.RecordBatch], schema: pa.Schema) -> None:
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(pa.table(table).cast(schema), row_group_size=8192)
    hashlib.sha256(path.read_bytes()).hexdigest()


def ingest(config: Config, out: Path) -> None:
    """Files to sorted Parquet, in two passes."""
    source = config.sources[0]
    files = sorted(str(path) for path in Path(str(source.path)).glob("*.jsonl"))
    same = {"source": source.name, "licence": source.licence, "fingerprint": source.fingerprint()}
    _each(partial(_read, config.shards, out, same), files)
    _each(partial(_sort, out), range(config.shards))


def _read(shards: int, out: Path, same: Mapping[str, str | None], name: str) -> None:
    same = {**same, "file": name, "intake_id": canonical.stable_hash("intake", name)}
    with open(name, encoding="utf-8") as stream:
        rows = [_row(number, json.loads(line), same) for number, line in enumerate(stream)]
    kept = [row for row in rows if row is not None]
    table = pa.Table.from_pylist(kept, schema=_FACTS)
    owner = np.array([canonical.shard_of(row["prompt_id"], shards) for row in kept])
    table = table.take(pa.array(np.argsort(owner, kind="stable")))
    ends = np.searchsorted(np.sort(owner), np.arange(shards + 1))
    for shard, (start, end) in enumerate(pairwise(ends.tolist())):
        mine = table.slice(start, end - start)
        pq.write_table(mine, out / f"staged-{shard}-{Path(name).stem}.parquet", compression="lz4")


def _row(number: int, row: dict[str, Any], same: Mapping[str, str | None]) -> dict[str, Any] | None:
    if row["answer2"] is None:
        return None
    texts = [canonical.canonical_text(row[name]) for name in ("question", "answer1", "answer2")]
    prompt, *sides = (
        (Message.of_text(role, t),) for role, t in zip(("user", "assistant", "assistant"), texts, strict=True)
    )
    ids = [canonical.response_id(side) for side in sides]
    turned = ids[1] < ids[0]
    (a_id, a, a_text), (b_id, b, b_text) = sorted(zip(ids, sides, texts[1:], strict=True), key=lambda side: side[0])
    prompt_id, row_id = canonical.prompt_id(prompt), str(row["id"])
    return {
        **same,
        "prompt_id": prompt_id,
        "comparison_id": canonical.comparison_id(prompt_id, a_id, b_id),
        "conversation_id": canonical.conversation_id(prompt),
        "prompt": [m.as_row() for m in prompt],
        "prompt_text": texts[0],
        "response_a": [m.as_row() for m in a],
        "response_b": [m.as_row() for m in b],
        "response_a_id": a_id,
        "response_b_id": b_id,
        "response_a_text": a_text,
        "response_b_text": b_text,
        "origin": "data",
        "row_hash": canonical.stable_hash("row", json.dumps(row, sort_keys=True)),
        "row_id": row_id,
        "repeat": 0,
        "reversed": turned,
        "line": number + 1,
        "number": number,
        "facts": len(row["votes"]),
        "occurrence_id": canonical.stable_hash("occurrence", same["source"], "row_id", row_id, 0, 0),
        "opinions": [_opinion(index, vote, row_id, same["source"], turned) for index, vote in enumerate(row["votes"])],
    }


_WORDS = {False: {"1": "a", "2": "b", "0": "tie"}, True: {"1": "b", "2": "a", "0": "tie"}}
_TURNED = {"ab": "ba", "ba": "ab"}


def _opinion(index: int, vote: Mapping[str, str], row_id: str, source: str | None, turned: bool) -> dict[str, Any]:
    who, order = vote["who"], vote["order"]
    identity = canonical.stable_hash("annotation", source, row_id, 0, 0, index)
    return {
        "annotation_id": identity,
        "judgement_id": identity,
        "annotator": f"{vote['kind']}:{source}/{who}",
        "kind": vote["kind"],
        "family": f"{source}/{who}" if vote["kind"] == "person" else who.lower(),
        "label": _WORDS[turned].get(vote["vote"]),
        "order_shown": _TURNED.get(order, order) if turned else order,
        "sample": 0,
        "attempt": 0,
        "attribute": "overall",
        "context": "none",
        "parse_status": "ok",
    }


def _sort(out: Path, shard: int) -> None:
    staged = f"read_parquet('{out}/staged-{shard}-*.parquet')"
    of_annotations = ", ".join(f"opinion.{f.name}" if f in _OPINION else f.name for f in TABLES["annotations"].schema)
    queries = {
        "comparisons": f"SELECT {', '.join(_COLUMNS)} FROM {staged} "  # noqa: S608
        "QUALIFY row_number() OVER (PARTITION BY comparison_id ORDER BY number) = 1",
        "occurrences": f"SELECT {', '.join(TABLES['occurrences'].schema.names)} FROM {staged}",  # noqa: S608
        "annotations": f"SELECT {of_annotations} FROM (SELECT * EXCLUDE (opinions), "  # noqa: S608
        f"unnest(opinions) AS opinion FROM {staged})",
    }
    for name, query in queries.items():
        with duckdb.connect(config={"threads": 1}) as connection:
            ordered = f"SELECT * FROM ({query}) ORDER BY {', '.join(TABLES[name].order)}"  # noqa: S608
            reader = connection.sql(ordered).to_arrow_reader(2048)
            _write(out / f"{name}-{shard}.parquet", reader, reader.schema)


def screen(config: Config, out: Path) -> None:
    """Flags and sketches of every shard, then pairs, edges and clusters."""
    store = Store.open(config.store)
    texts = (text for benchmark in config.benchmarks for text in read_benchmark(benchmark))
    index = build_index(texts, config.screen.ngram, config.screen.common_ngram)
    found = _each(partial(_sketch, config, out, index), range(store.shards))
    sketches = {shard: load(path) for shard, path, _ in found}
    for kind in ("prompt", "pair", "response"):
        pairs = bucket_pairs(np.concatenate([records[kind] for _, _, records in found]))
        owners = (pairs >> np.uint64(32)).astype(np.int64)
        edges = []
        for one, other in np.unique(owners, axis=0).tolist():
            here = pairs[(owners == (one, other)).all(axis=1)]
            compared = compare(kind, here, sketches[one], sketches[other], config.screen.similarity)
            edges.append(decide(compared, config.screen.similarity)[0])
        joined = clusters(np.concatenate(edges), config.screen.largest_cluster)
        pq.write_table(pa.table({"node": joined.nodes, "root": joined.roots}), out / f"clusters-{kind}.parquet")


def _sketch(config: Config, out: Path, index: BenchmarkIndex, shard: int) -> tuple[int, str, dict[str, Any]]:
    store, sketcher = Store.open(config.store), Sketcher(config.screen.shortest_response)

    def flags() -> Iterable[pa.Table]:
        for path in _paths(store, "comparisons", shard):
            for batch in pq.ParquetFile(path).iter_batches(256, columns=list(_TEXT)):
                columns = (batch[name].to_pylist() for name in _TEXT)
                rows = [Row(i, p, c, text, (), a, b) for i, p, c, text, a, b in zip(*columns, strict=True)]
                sketcher.add(rows)
                yield flags_of_rows(rows, {}, index, config.screen)

    _write(out / f"screening-{shard}.parquet", flags(), SCHEMA)
    sketch = sketcher.sketch({})
    return shard, save(sketch, str(out), "screen", shard).path, dict(met_by(sketch, shard))


_PAIRS = """
SELECT prompt_id, comparison_id, prompt_id AS cluster, length(response_a_text) AS length_a, length(response_b_text) AS length_b,
       response_a_id, response_b_id
FROM read_parquet($paths) ORDER BY prompt_id, comparison_id
"""
_USABLE = """
SELECT annotation_id, comparison_id, kind, label, starts_with(annotator, 'person:made/expert-') AS gold
FROM read_parquet($paths) WHERE label IN ('a', 'b', 'tie')
"""


def consensus(config: Config, out: Path) -> None:
    """Votes of every shard, one fit, decisions of every shard."""
    store = Store.open(config.store)
    shards = range(store.shards)
    votes = _each(partial(_votes, config, out), shards)
    model = fit_label_model(votes_of([pq.read_table(path).cast(VOTES) for path in votes]), config.consensus.rules())
    _each(partial(_decide, config, out, save_model(str(out), model)), shards)


def _shard_votes(config: Config, shard: int) -> ShardVotes:
    store = Store.open(config.store)
    with duckdb.connect(config={"threads": 1}) as connection:
        paths = {"paths": _paths(store, "annotations", shard)}
        usable = connection.sql(_USABLE, params=paths).to_arrow_table()
        pairs = connection.sql(_PAIRS, params={"paths": _paths(store, "comparisons", shard)}).to_arrow_table()
        places = pa.array(np.arange(len(pairs)), pa.int32())
        connection.register("usable", usable)
        connection.register("pairs", pairs.select(["comparison_id"]).append_column("place", places))
        connection.read_parquet(paths["paths"], hive_partitioning=False).create_view("annotations")
        said = connection.sql(_VOTES).to_arrow_table()
    came, ids = labels_in(usable), pairs["comparison_id"].to_pylist()
    return ShardVotes(
        ids,
        pairs["prompt_id"].to_pylist(),
        [came.get(pair) for pair in ids],
        vote_table(said, pairs, config.seed),
        said["annotation_id"].to_pylist(),
    )


def _votes(config: Config, out: Path, shard: int) -> str:
    path = out / f"votes-{shard}.parquet"
    pq.write_table(_shard_votes(config, shard).votes, path, compression="zstd")
    return str(path)


def _decide(config: Config, out: Path, model_path: str, shard: int) -> None:
    model = load_model(model_path)
    rules = Rules(config.consensus.rules(), config.consensus.min_accuracy, model.strata, True)
    rows = consensus_rows(_shard_votes(config, shard), model, rules, {})
    _write(out / f"consensus-{shard}.parquet", [rows], TABLES["consensus"].schema)


_MEMBERS = """
SELECT c.prompt_id, k.prompt_cluster, c.conversation_id FROM read_parquet($comparisons) c
JOIN read_parquet($clusters) k USING (comparison_id)
"""
_PUBLISHED = """
WITH best AS (
    SELECT comparison_id FROM read_parquet($clusters) k JOIN read_parquet($consensus) o USING (comparison_id)
    WHERE o.weight IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY pair_cluster ORDER BY len(o.evidence) DESC, comparison_id) = 1
)
SELECT c.comparison_id, c.prompt_id, NULL::VARCHAR AS group_id, plain(c.prompt) AS prompt,
    plain(CASE o.label WHEN 'a' THEN c.response_a ELSE c.response_b END) AS chosen,
    plain(CASE o.label WHEN 'a' THEN c.response_b ELSE c.response_a END) AS rejected,
    greatest(o.p_a, o.p_b) + o.p_tie / 2 AS p_chosen, 0.0::DOUBLE AS preference_margin, o.weight, o.decision,
    'consensus' AS label_source, ['made'] AS sources, ['MIT'] AS licences, s.split, NULL::VARCHAR AS band
FROM read_parquet($comparisons) c JOIN read_parquet($consensus) o USING (comparison_id)
JOIN best USING (comparison_id) JOIN splits s ON s.prompt_id = c.prompt_id
WHERE trim(c.response_a_text) <> '' AND trim(c.response_b_text) <> '' AND c.response_a_text <> c.response_b_text
ORDER BY c.prompt_id, c.comparison_id
"""


def publish(config: Config, out: Path) -> None:
    """Splits of all prompts, then every shard's rows into one file a split."""
    store = Store.open(config.store)
    tables = {name: [path for _, path in store.files(name)] for name in ("comparisons", "clusters")}
    with duckdb.connect(config={"threads": 1}) as connection:
        members = connection.sql(_MEMBERS, params=tables).to_arrow_table()
    assigned = assign_splits(members, KNOWN.empty_table(), config.publish.splits, config.seed)
    pq.write_table(assigned.select(["prompt_id", "split"]), out / "splits.parquet")
    _each(partial(_publish, config, out), range(store.shards))


def _publish(config: Config, out: Path, shard: int) -> None:
    store = Store.open(config.store)
    splits = pq.read_table(out / "splits.parquet")
    paths = {name: _paths(store, name, shard) for name in ("comparisons", "clusters", "consensus")}
    writers = {
        split: pq.ParquetWriter(out / f"{split}-{shard}.parquet", PREFERENCES, compression="zstd")
        for split in ("train", "validation", "test")
    }
    with duckdb.connect(config={"threads": 1, "memory_limit": "1GB"}) as connection:
        connection.register("splits", splits)
        connection.execute(_PLAIN)
        for batch in connection.sql(_PUBLISHED, params=paths).to_arrow_reader(8192):
            rows = pa.table(batch).cast(PREFERENCES)
            for split, writer in writers.items():
                writer.write_table(rows.filter(pc.equal(rows["split"], split)))
    for writer in writers.values():
        writer.close()
    for split in writers:
        hashlib.sha256((out / f"{split}-{shard}.parquet").read_bytes()).hexdigest()


LOOPS = {"ingest": ingest, "screen": screen, "consensus": consensus, "publish": publish}


def main() -> None:
    """Runs one loop; its functions are found by the module's own name in the processes."""
    from tests.benchmarks import bare

    folder = Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    bare.LOOPS[sys.argv[1]](load_config(sys.argv[2]), folder)


if __name__ == "__main__":
    main()
