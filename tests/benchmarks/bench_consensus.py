"""Consensus on PRD's Vicuna80: five real judges, people as truth, a fifth of the labels that came turned round.

    python tests/benchmarks/bench_consensus.py

Prints accuracy on pairs without gold: what came, the best judge, majority, Dawid-Skene, and what is published, by share of
prompts with gold.
"""

import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import pandas as pd
from crowdkit.aggregation import DawidSkene

from tests.transforms.consensus.real import SHARED, annotations, decided, figures, people_truth, planted


def share(said, truth, pairs):
    answered = [c for c in pairs if said.get(c) in ("a", "b")]
    return f"{np.mean([said[c] == truth[c] for c in answered]):.3f} on {len(answered)}"


def majority(voters):
    told = defaultdict(Counter)
    for one in voters:
        told[one["comparison_id"]][one["label"]] += 1
    best = {c: by.most_common(2) for c, by in told.items()}
    return {c: b[0][0] for c, b in best.items() if len(b) == 1 or b[0][1] > b[1][1]}


def dawid_skene(voters):
    rows = [(v["comparison_id"], v["annotator"], v["label"]) for v in voters]
    return DawidSkene(100).fit_predict(pd.DataFrame(rows, columns=["task", "worker", "label"])).to_dict()


def main():
    folder = SHARED / "prd-vicuna80"
    if not folder.exists():
        print(f"{folder} is not here; nothing to measure")
        return
    found = annotations(str(folder), "prd-vicuna80", "prd")
    truth = people_truth(found)
    judges = [a for a in found if a["kind"] == "llm_judge" and a["comparison_id"] in truth]
    came = planted(truth, 0.2)
    everybody = judges + [judges[0] | {"comparison_id": c, "annotator": "came", "label": v} for c, v in came.items()]
    for gold in (0.0, 0.3, 0.6):
        start = time.perf_counter()
        model, rows = decided(judges, truth, came, gold)
        seconds = time.perf_counter() - start
        pairs = [row["comparison_id"] for row in rows]
        each = {a: majority([v for v in judges if v["annotator"] == a]) for a in {v["annotator"] for v in judges}}
        best = max(each, key=lambda a: np.mean([each[a].get(c) == truth[c] for c in pairs]))
        ours = figures(rows, truth)
        print(
            f"gold on {gold:.0%} of prompts; {ours['pairs']} pairs measured; {seconds:.1f} s; slope {model.slopes[0]:.2f}"
        )
        print(f"  what came {ours['before']:.3f}; best judge ({best}) {share(each[best], truth, pairs)}")
        print(
            f"  majority {share(majority(everybody), truth, pairs)}; Dawid-Skene {share(dawid_skene(everybody), truth, pairs)}"
        )
        print(
            f"  published {ours['after']:.3f} on {ours['coverage']:.0%}; turned {ours['turned']}, right {ours['turned_right']:.2f}; {ours['decisions']}"
        )


if __name__ == "__main__":
    main()
