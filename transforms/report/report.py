"""The stage report: what happened to every row, what it cost, how good the labels are, and how we know.

pins -> figures of every shard (workers) -> all figures, the page, the views `accounts`, `agreement` and `annotator_quality` (one worker) -> commit
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.accounts import accounts_table
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.publish.releases import current_id
from prefcurate.transforms.report.examples import read_examples
from prefcurate.transforms.report.findings import Findings, Share, report_file, save_findings
from prefcurate.transforms.report.gather import gather, most_instructive
from prefcurate.transforms.report.quality.findings import find_quality
from prefcurate.transforms.report.quality.rows import annotator_rows, quality_table
from prefcurate.transforms.report.quality.shard import read_opinions
from prefcurate.transforms.report.shard import ShardFigures, Task, shard_figures
from prefcurate.transforms.steps.commit import CommitStage
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.steps.units import Pin
from prefcurate.transforms.store.files import write_bytes
from prefcurate.transforms.store.parts import Part, write_part
from prefcurate.transforms.store.snapshot import Snapshot

READS = (
    "comparisons", "occurrences", "annotations", "intakes", "quarantine", "calls", "screening", "clusters", "attributes",
    "gold", "rubrics", "criteria", "consensus", "annotators", "routes", "splits", "ratings",
)  # fmt: skip
WRITES = ("accounts", "agreement", "annotator_quality")


@dataclass
class Report(beam.PTransform):
    """From a store's tables and its current release to ``STORE/report/index.html``, ``report.json`` and two views.

    Args:
        context: the stage.
        gold: whose labels are gold; the figures come from side audit.
    """

    context: StageContext
    gold: GoldOptions

    def expand(self, root: beam.Pipeline) -> beam.PCollection[str]:
        """From a pipeline's root to the ledger entry's state."""
        pinned = root | Pin(self.context)
        parts = (
            pinned
            | "shards" >> beam.FlatMap(shard_tasks).with_output_types(Task)
            | "spread" >> beam.Reshuffle()
            | "figures" >> beam.Map(shard_figures, self.gold).with_output_types(ShardFigures)
            | "of all shards" >> beam.CombineGlobally(beam.combiners.ToListCombineFn())
            | "write" >> beam.FlatMap(write_report, beam.pvalue.AsSingleton(pinned), self.gold).with_output_types(Part)
        )
        return parts | CommitStage(self.context, pinned)


def shard_tasks(snapshot: Snapshot) -> Iterator[Task]:
    """One task for every shard, all about the release that is current now."""
    release = current_id(snapshot.store.root)
    for shard in range(snapshot.store.shards):
        yield Task(snapshot, shard, release)


def write_report(shards: Sequence[ShardFigures], snapshot: Snapshot, gold: GoldOptions) -> Iterator[Part]:
    """Writes the page and its figures, and gives the parts of the views.

    Raises:
        MissingExtra: plotly or jinja2 is not installed.
    """
    from prefcurate.transforms.report.page import render_page

    quality = find_quality(read_opinions(shard.opinions for shard in shards))
    people = annotator_rows(quality)
    findings = gather(snapshot, shards[0].release, shards, gold, quality, people)
    examples = read_examples(snapshot, most_instructive(shards), gold)
    root = snapshot.store.root
    write_bytes(report_file(root, "index.html"), render_page(findings, examples).encode())
    save_findings(root, findings)
    tables = {
        "accounts": accounts_table(findings.accounts),
        "agreement": agreement_table(findings),
        "annotator_quality": quality_table(people),
    }
    for name, table in tables.items():
        part = write_part(root, name, 0, [table])
        if part is not None:
            yield part


def agreement_table(findings: Findings) -> pa.Table:
    """The rows of the table `agreement`, in key order."""
    rows: list[dict[str, Any]] = []
    for found in findings.agreement:
        for labels, share in (("label_in", found.before), ("published", found.after)):
            about = {"prompt_id": "", "slice": found.slice, "name": found.name, "labels": labels}
            rows.append({**about, "gold_pairs": found.gold, **_share_columns(share)})
    rows.sort(key=lambda row: (row["slice"], row["name"], row["labels"]))
    return pa.Table.from_pylist(rows, schema=TABLES["agreement"].schema)


def _share_columns(share: Share | None) -> dict[str, Any]:
    if share is None:
        return {"pairs": 0}
    return {"pairs": share.pairs, "agreement": share.agreement, "low": share.low, "high": share.high}
