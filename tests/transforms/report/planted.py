"""A small store whose every figure is known by hand, and the report on it without an engine."""

import json
from pathlib import Path

from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.report.findings import Findings, load_findings
from prefcurate.transforms.report.report import READS, WRITES, shard_tasks, write_report
from prefcurate.transforms.report.shard import shard_figures
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.store import Store
from tests.helpers import context, label, make_store, pair
from tests.transforms.publish.stores import decided, ids, publish, put

GOLD = GoldOptions(sources=("experts",))
EVIL = "<script>alert('prompt')</script>"
EVIL_RESPONSE = "<img src=x onerror=alert(1)>"
LONG = "a much longer response than the other one, which says no more"


def report(store: Store, gold: GoldOptions = GOLD) -> Findings:
    """What the stage does, step by step in this process."""
    snapshot = report_context(store).pin()
    list(write_report([shard_figures(task, gold) for task in shard_tasks(snapshot)], snapshot, gold))
    return load_findings(store)


def report_context(store: Store) -> StageContext:
    return context(store, "report", READS, WRITES, fingerprints=("f",))


def page(store: Store) -> str:
    return (Path(store.root) / "report" / "index.html").read_text(encoding="utf-8")


def sides(row: dict, first: str) -> tuple[str, str]:
    """The labels that mean `first` and the other response."""
    return ("a", "b") if row["response_a_text"] == first else ("b", "a")


def planted(tmp_path: Path) -> Store:
    """Six pairs: a flip that gold confirms, a keep that it confirms, a drop of a wrong label, an assigned tie, one softened,
    one kept without gold. Gold of the last one's prompt is of side fit and must not be seen."""
    crowd = [
        pair(
            EVIL,
            LONG,
            EVIL_RESPONSE,
            label("first", "w<b>1</b>", rationale="so <b>bold</b>"),
            label("second", "gpt", "llm_judge"),
        ),
        pair("keep", "x", LONG, label("first")),
        pair("drop", "x", "y", label("second")),
        pair("assign", "x", "y"),
        pair("soften", "x", "y", label("first")),
        pair("fit", "x", "y", label("first")),
    ]
    experts = [
        pair(EVIL, LONG, EVIL_RESPONSE, label("second")),
        pair("keep", "x", LONG, label("first")),
        pair("drop", "x", "y", label("first")),
        pair("assign", "x", "y", label("tie")),
        pair("fit", "x", "y", label("second")),
    ]
    store = make_store(tmp_path, {"crowd": crowd, "experts": experts}, shards=4)
    rows = ids(store)
    made = []
    for prompt, first, decision in (
        (EVIL, LONG, "flip"),
        ("keep", "x", "keep"),
        ("drop", "x", "drop"),
        ("assign", "x", "assign"),
        ("soften", "x", "soften"),
        ("fit", "x", "keep"),
    ):
        yes, no = sides(rows[prompt], first)
        came = {"drop": no, "assign": None}.get(prompt, yes)
        label_out = {"flip": no, "soften": no, "drop": None}.get(decision, yes)
        p_a = 0.5 if label_out is None else 0.9 if label_out == "a" else 0.1
        made.append(decided(rows[prompt], decision, label_out, p_a, label_in=came, reason=f"because of {decision}"))
    put(store, "consensus", made)
    side = {EVIL: "audit", "keep": "audit", "drop": "audit", "assign": "audit", "fit": "fit"}
    golden = [
        {"prompt_id": rows[p]["prompt_id"], "prompt_cluster": rows[p]["prompt_id"], "side": s} for p, s in side.items()
    ]
    put(store, "gold", golden)
    return store


def complete(tmp_path: Path) -> Store:
    """The planted store with a release, annotators, calls, flags, rubrics and queues."""
    store = planted(tmp_path)
    rows = ids(store)
    flip = {key: rows[EVIL][key] for key in ("prompt_id", "comparison_id")}
    keep = {key: rows["keep"][key] for key in ("prompt_id", "comparison_id")}
    better, worse = sides(rows["keep"], "x")
    worth = {"prompt_id": "", "kind": "llm_judge", "status": "trusted", "n": 9, "n_gold": 8, "accuracy": 0.875}
    biased = {"accuracy_low": 0.7, "accuracy_high": 0.97, "position_bias": 0.2, "flip_rate": 0.25, "cost": 1.5}
    unknown = {"prompt_id": "", "kind": "person", "status": "used", "n": 3, "n_gold": 0}
    put(
        store,
        "annotators",
        [{**worth, **biased, "annotator": "llm_judge:x/<i>gpt</i>"}, {**unknown, "annotator": "person:y"}],
    )
    call = {**flip, "stage": "annotate", "annotator": "judge", "tokens_in": 100, "tokens_out": 10, "price_usd": 0.25}
    calls = [{**call, "call_id": "c1", "status": "ok"}, {**call, "call_id": "c2", "status": "ok"}]
    put(store, "calls", [*calls, {**call, **keep, "call_id": "c3", "status": "timeout", "price_usd": None}])
    flag = {"flag": "contamination", "value": 1.0, "matched_source": "gsm8k"}
    put(
        store,
        "screening",
        [
            {**flip, **flag, "matched_id": "1"},
            {**flip, **flag, "matched_id": "2"},
            {**keep, "flag": "refusal"},
            {**keep, "flag": "placeholder", "evidence": json.dumps({"sides": [better]})},
            {**keep, "flag": "judge_hacking", "evidence": json.dumps({"sides": [worse]})},
        ],
    )
    rubric = {"prompt_id": "", "rubric_id": "r", "fingerprint": "f"}
    put(store, "rubrics", [{**rubric, "scope": "store", "status": "accepted"}])
    put(
        store,
        "criteria",
        [
            {
                **rubric,
                "criterion_id": "1",
                "text": "Is <u>right</u>.",
                "status": "accepted",
                "n": 9,
                "acceptance": 0.8,
                "reason": "says <u>so</u>",
            }
        ],
    )
    store.record("rubrics", "run", "settings", {}, {}, {"rubrics": ["r"]})
    put(store, "routes", [{**flip, "queue": "person", "price_usd": 0.5}, {**keep, "queue": "nobody"}])
    publish(store)
    return store
