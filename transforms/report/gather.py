"""What the shards contribute, put together into the figures of the report."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from prefcurate.transforms.accounts import source_accounts
from prefcurate.transforms.consensus.kinds import WrongKind
from prefcurate.transforms.consensus.model import AnnotatorFigures
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.publish.options import SPLITS
from prefcurate.transforms.publish.releases import open_release
from prefcurate.transforms.report.audit import Audited, agreements, longer_baseline
from prefcurate.transforms.report.findings import (
    ALGORITHM,
    Criterion,
    Crowd,
    Findings,
    Flagged,
    Flow,
    Labels,
    Longer,
    Quarantined,
    Queue,
    Spent,
)
from prefcurate.transforms.report.proof import proof_of
from prefcurate.transforms.report.quality.agreement import label_kappas
from prefcurate.transforms.report.quality.findings import Quality
from prefcurate.transforms.report.quality.opinions import FEWEST
from prefcurate.transforms.report.quality.rated import find_rated
from prefcurate.transforms.report.quality.rows import AnnotatorQuality
from prefcurate.transforms.report.quality.shard import read_ratings
from prefcurate.transforms.report.shard import SHOWN, Candidate, ShardFigures
from prefcurate.transforms.report.side_by_side import voices
from prefcurate.transforms.report.sums import summed
from prefcurate.transforms.store.snapshot import Snapshot

ANNOTATORS = 25
"""Annotators that the report lists: the measured ones, then those with most opinions; the table `annotators` has all."""
CRITERIA = 15
"""Criteria that the report lists."""
_QUARANTINE = "SELECT source, reason, count(*) FROM quarantine GROUP BY ALL ORDER BY ALL"
_CROWD = (
    "SELECT count(*), count(DISTINCT prompt_id), sum(count(*)) OVER ()::BIGINT FROM clusters GROUP BY prompt_cluster "
    "ORDER BY 1 DESC, prompt_cluster LIMIT 1"
)
_ANNOTATORS = (
    "SELECT annotator, kind, coalesce(family, annotator), status, n, n_gold, accuracy, accuracy_low, accuracy_high, position_bias, length_bias, "
    "flip_rate, cost, coalesce(wrong_on, []) FROM annotators ORDER BY accuracy IS NULL, n DESC, annotator LIMIT $most"
)
_CRITERIA = (
    "SELECT c.text, coalesce(r.theme, '') AS theme, c.status, c.acceptance, c.acceptance_low, coalesce(c.n, 0) AS n, "
    "coalesce(c.reason, '') AS reason "
    "FROM criteria c LEFT JOIN (SELECT DISTINCT rubric_id, theme FROM rubrics) r USING (rubric_id) "
    "ORDER BY c.status, c.acceptance_low DESC NULLS LAST, c.text, rubric_id, criterion_id LIMIT $most"
)


def gather(
    snapshot: Snapshot,
    release: str | None,
    shards: Iterable[ShardFigures],
    gold: GoldOptions,
    quality: Quality,
    annotators: Sequence[AnnotatorQuality],
) -> Findings:
    """All figures, from the shards', from the tables that are about no prompt, and from what is found of annotators."""
    shards = sorted(shards, key=lambda figures: figures.shard)
    audited = [pair for figures in shards for pair in figures.audited]
    manifest = open_release(snapshot.store.root, release).manifest if release else {"rows": {}, "withheld": {}}
    return Findings(
        algorithm=ALGORITHM,
        release=release,
        published={split: manifest["rows"].get(split, 0) for split in reversed(SPLITS)},
        withheld=sum(manifest["withheld"].values()),
        accounts=tuple(source_accounts(snapshot, (rows for figures in shards for rows in figures.used))),
        pairs=sum(figures.pairs for figures in shards),
        overridden=sum(figures.overridden for figures in shards),
        flows=tuple(Flow(*key, *n) for key, n in summed((figures.flows for figures in shards), 3)),
        gold_configured=bool(gold.annotators or gold.sources),
        agreement=tuple(agreements(audited)),
        baseline=longer_baseline(audited),
        longer=(*_longer(shards), *_longer_of_audited(audited)),
        voices=voices((figures.sources for figures in shards), label_kappas(quality.measured)),
        rated=find_rated(read_ratings(figures.opinions for figures in shards)),
        attention=tuple(sorted((row for row in annotators if row.rank), key=lambda row: row.rank or 0)[:ANNOTATORS]),
        looked_at=sum(row.n >= FEWEST for row in annotators),
        suspected=dict(sorted(Counter(check for row in annotators for check in row.findings).items())),
        spent=tuple(Spent(*key, *n) for key, n in summed((figures.calls for figures in shards), 3)),
        flags=tuple(Flagged(*key, *n) for key, n in summed((figures.flags for figures in shards), 2)),
        queues=tuple(Queue(*key, *n) for key, n in summed((figures.queues for figures in shards), 1)),
        proof=proof_of(snapshot.store),
        **_of_no_prompt(snapshot),
    )


def most_instructive(shards: Iterable[ShardFigures]) -> list[Candidate]:
    """The pairs that the page shows: flips, then softened ones."""
    found = sorted(candidate for figures in shards for candidate in figures.candidates)
    return [
        candidate
        for decision in ("flip", "soften")
        for candidate in [each for each in found if each.decision == decision][:SHOWN]
    ]


def _of_no_prompt(snapshot: Snapshot) -> dict[str, Any]:
    with snapshot.connect(["quarantine", "clusters", "annotators", "rubrics", "criteria"]) as connection:
        quarantine = connection.sql(_QUARANTINE).fetchall()
        crowds = connection.sql(_CROWD).fetchall()
        annotators = connection.sql(_ANNOTATORS, params={"most": ANNOTATORS}).fetchall()
        criteria = connection.sql(_CRITERIA, params={"most": CRITERIA}).fetchall()
        statuses: dict[str, Mapping[str, int]] = {
            table: dict(connection.sql(query).fetchall())
            for table, query in {
                "annotators": "SELECT status, count(*) FROM annotators GROUP BY 1 ORDER BY 1",
                "rubrics": "SELECT status, count(*) FROM rubrics GROUP BY 1 ORDER BY 1",
                "criteria": "SELECT status, count(*) FROM criteria GROUP BY 1 ORDER BY 1",
            }.items()
        }
    screened = snapshot.store.latest("screen")
    remarks = screened.detail if screened else {}
    capped = [_of_prompts(remarks.get(key, ())) for key in ("recut_cluster", "giant_cluster")]
    return {
        "crowd": Crowd(*crowds[0], *capped) if crowds else None,
        "quarantine": tuple(Quarantined(*row) for row in quarantine),
        "annotators": tuple(_annotator(row) for row in annotators),
        "annotator_statuses": statuses["annotators"],
        "rubrics": statuses["rubrics"],
        "criteria": statuses["criteria"],
        "best_criteria": tuple(Criterion(*row) for row in criteria),
    }


def _annotator(row: tuple[Any, ...]) -> AnnotatorFigures:
    return replace(AnnotatorFigures(*row[:-1]), wrong_on=tuple(WrongKind(**kind) for kind in row[-1]))


def _of_prompts(remarks: Iterable[str]) -> int:
    """How many clusters of prompts (not of pairs) the stage screen remarks on; one that was cut twice is one."""
    return len({remark.split(":")[0] for remark in remarks if remark.startswith("prompt ")})


def _longer(shards: Sequence[ShardFigures]) -> list[Longer]:
    return [Longer(key[0], False, n, longer) for key, (n, longer) in summed((f.longer for f in shards), 1)]


def _longer_of_audited(audited: Sequence[Audited]) -> list[Longer]:
    """The same on the pairs with audit gold, where gold too says which response is better."""
    seen: Counter[tuple[Labels, bool]] = Counter()
    for pair in audited:
        said: tuple[tuple[Labels, str | None], ...] = (
            ("gold", pair.gold),
            ("label_in", pair.came),
            ("published", pair.made),
        )
        seen.update(
            (labels, label == pair.longer) for labels, label in said if pair.longer is not None and label in ("a", "b")
        )
    order: tuple[Labels, ...] = ("label_in", "published", "gold")
    return [
        Longer(labels, True, seen[labels, True] + seen[labels, False], seen[labels, True])
        for labels in order
        if seen[labels, True] + seen[labels, False]
    ]
