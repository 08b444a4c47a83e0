"""Decisions on PRD's Vicuna80: five real judges, people as truth, a fifth of the labels that came turned round.

    python tests/benchmarks/bench_consensus.py

Prints how right the labels that came are on pairs without gold, and those that are published, by share of prompts with gold. How the
label model names sides beside other models is for `bench_labels.py`.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))


from tests.transforms.consensus.real import SHARED, annotations, decided, figures, people_truth, planted


def main():
    folder = SHARED / "prd-vicuna80"
    if not folder.exists():
        print(f"{folder} is not here; nothing to measure")
        return
    found = annotations(str(folder), "prd-vicuna80", "prd")
    truth = people_truth(found)
    judges = [a for a in found if a["kind"] == "llm_judge" and a["comparison_id"] in truth]
    came = planted(truth, 0.2)
    for gold in (0.0, 0.3, 0.6):
        start = time.perf_counter()
        model, rows = decided(judges, truth, came, gold)
        seconds = time.perf_counter() - start
        ours = figures(rows, truth)
        print(
            f"gold on {gold:.0%} of prompts; {ours['pairs']} pairs measured; {seconds:.1f} s; slope {model.slopes[0]:.2f}"
        )
        print(f"  what came {ours['before']:.3f}")
        print(
            f"  published {ours['after']:.3f} on {ours['coverage']:.0%}; turned {ours['turned']}, right {ours['turned_right']:.2f}; {ours['decisions']}"
        )


if __name__ == "__main__":
    main()
