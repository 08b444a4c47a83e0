"""The dataset card of a release: README.md with the front matter that `datasets` and the hub read."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from prefcurate.transforms.publish.fates import REASONS
from prefcurate.transforms.publish.mask import MASKED
from prefcurate.transforms.publish.options import SPLITS, BandOptions

_COLUMNS = {
    "comparison_id": "hash of the prompt and both responses; `prefcurate show` tells everything about it",
    "prompt_id": "hash of the prompt; all pairs of a prompt are in one split",
    "group_id": "the group that the source gave the pair, e.g. one ranking of several answers; null without one",
    "prompt": "messages `{role, content}` up to where the responses part",
    "chosen": "the messages of the response that is published as the better one",
    "rejected": "the messages of the other response",
    "p_chosen": "probability that `chosen` is the better one; a tie counts half. Below 0.5 the label is kept against doubt",
    "preference_margin": "2 * p_chosen - 1",
    "weight": "how much the pair should count; the pairs of one prompt together weigh as one pair does on average",
    "decision": "keep (the label came with the data), flip (the opposite did), assign (none did), soften (use p_chosen)",
    "label_source": "who the label is from: consensus, people (held-out splits only, where people labelled), override",
    "sources": "the configured sources that hold the pair",
    "licences": "their licences",
    "split": "train, validation or test",
    "band": "for a curriculum: easy (a probable label that nobody contradicts), hard (a doubtful or contested one), medium",
}
_HUB_LICENCES = frozenset(
    [
        "mit",
        "apache-2.0",
        "cc0-1.0",
        "cc-by-4.0",
        "cc-by-sa-4.0",
        "cc-by-nc-4.0",
        "cc-by-nc-sa-4.0",
        "odc-by",
        "gpl-3.0",
        "bsd-3-clause",
    ]
)


def dataset_card(manifest: Mapping[str, Any]) -> str:
    """The card as Markdown, from the manifest alone."""
    sections = [
        _front_matter(manifest),
        _about(manifest),
        _use(manifest),
        _columns(),
        _origin(manifest),
        _limits(manifest),
    ]
    return "\n\n".join(sections) + "\n"


def _front_matter(manifest: Mapping[str, Any]) -> str:
    licences = [licence.lower() for licence in manifest["counts"].get("licences", {})]
    known = len(licences) == 1 and licences[0] in _HUB_LICENCES
    front: dict[str, Any] = {
        "license": licences[0] if known else "other",
        "tags": ["preference", "reward-modeling", "dpo", "prefcurate"],
        "configs": [_config("default", "", manifest)],
    }
    if any(file["folder"].startswith("exports/trl/") for file in manifest["files"]):
        front["configs"].append(_config("trl", "exports/trl/", manifest))
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---"


def _config(name: str, stem: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
    present = {file["folder"] for file in manifest["files"]}
    splits = [split for split in reversed(SPLITS) if f"{stem}{split}" in present]
    return {"config_name": name, "data_files": [{"split": s, "path": f"{stem}{s}-*.parquet"} for s in splits]}


def _about(manifest: Mapping[str, Any]) -> str:
    withheld = sum(manifest["withheld"].values())
    published = sum(manifest["rows"].get(split, 0) for split in SPLITS)
    counts = _table(("split", "pairs"), [(split, str(manifest["rows"].get(split, 0))) for split in reversed(SPLITS)])
    return (
        f"# Preference pairs, release {manifest['release']}\n\n"
        f"{published} pairs of a prompt, a chosen and a rejected response, made by prefcurate from raw comparisons; "
        f"{withheld} further pairs are withheld, each with its reason. The release never changes; `manifest.json` holds "
        f"the checksum of every file and the configuration that made it.\n\n{counts}"
    )


def _use(manifest: Mapping[str, Any]) -> str:
    text = (
        "## Use\n\n```python\nfrom datasets import load_dataset\n\n"
        'train = load_dataset("parquet", data_files={"train": "train-*.parquet"}, split="train")\n```\n\n'
        "TRL's DPOTrainer and RewardTrainer read `prompt`, `chosen` and `rejected` as they are."
    )
    if any(file["folder"].startswith("exports/trl/") for file in manifest["files"]):
        text += (
            " The copy in `exports/trl/` has a column `margin` (a copy of `preference_margin`): RewardTrainer subtracts it "
            "inside its loss, -logsigmoid(reward of chosen - reward of rejected - margin)."
        )
    return text


def _columns() -> str:
    return "## Columns\n\n" + _table(("column", "meaning"), list(_COLUMNS.items()))


def _origin(manifest: Mapping[str, Any]) -> str:
    configured = manifest["configuration"].get("sources") or []
    licences = {source["name"]: source.get("licence") or "not stated" for source in configured}
    pairs = manifest["counts"].get("sources", {})
    sources = [(name, licences.get(name, "not stated"), str(n)) for name, n in pairs.items()]
    decisions = list(manifest["counts"].get("decision", {}).items())
    by = list(manifest["counts"].get("label_source", {}).items())
    return "\n\n".join(
        [
            "## Where the pairs come from",
            _table(("source", "licence", "published pairs that it holds"), sources),
            f"## How the labels were decided{_decided_by(manifest)}",
            _table(("decision", "pairs"), [(name, str(n)) for name, n in decisions]),
            _table(("label from", "pairs"), [(name, str(n)) for name, n in by]),
            *_bands(manifest),
            "## What is withheld",
            "`withheld/*.parquet` names every pair that is not published.",
            _table(
                ("reason", "pairs", "meaning"),
                [(reason, str(n), REASONS.get(reason, "")) for reason, n in manifest["withheld"].items()],
            ),
        ]
    )


def _decided_by(manifest: Mapping[str, Any]) -> str:
    told = manifest.get("decided_by")
    if not told:
        return ""
    return (
        f"\n\nBy the policy `{told['policy']}`; a pair is published where its label is expected to be right at least "
        f"{told['min_accuracy']:.0%} of the time."
    )


def _bands(manifest: Mapping[str, Any]) -> list[str]:
    counts = manifest["counts"].get("band")
    if not counts:
        return []
    told = (manifest["configuration"].get("publish") or {}).get("bands") or BandOptions().model_dump()
    return [
        f"Curriculum bands: easy is at least {told['easy']:.0%} probable and contradicted by nobody who counts; hard is less than "
        f"{told['hard']:.0%} probable, or half or more of those who name a response name the other one.",
        _table(("band", "pairs"), [(name, str(counts[name])) for name in ("easy", "medium", "hard") if name in counts]),
    ]


def _limits(manifest: Mapping[str, Any]) -> str:
    gold = manifest["configuration"].get("gold") or {}
    trusted = [*(gold.get("annotators") or ()), *(gold.get("sources") or ())]
    measured = (
        f"Labels were measured against gold: {_cell(', '.join(trusted))}. A share of {gold.get('audit', 0)} of it, by prompt "
        "cluster, was seen by the report only; the report beside the store has the figures."
        if trusted
        else "No gold was configured: nothing here was measured against labels that are trusted more than others."
    )
    return (
        f"## Limits\n\n{measured}\n\n"
        "- Validation and test carry people's labels where people labelled (`label_source` people), otherwise those of "
        "consensus: compare models on the former. Pairs on which consensus gave up are missing from them as from train.\n"
        "- A prompt's split was given once, by a hash of what hangs together with it, and never moves between releases of "
        "one store; two stores do not share splits.\n"
        "- No prompt of a configured benchmark, nor a near duplicate of one, is in train; benchmarks that were not "
        "configured were not looked for.\n"
        f"- The text is what people and models wrote. It was not checked for truth or harm.{_masked(manifest)}"
    )


def _masked(manifest: Mapping[str, Any]) -> str:
    """What was masked; nothing where nobody asked for it."""
    if not (manifest["configuration"].get("publish") or {}).get("mask_personal_data"):
        return ""
    counts = manifest["counts"].get(MASKED, {})
    # A release that was made smaller by a forgetting is masked already, and counts nothing again.
    told = f" (found: {', '.join(f'{kind} {n}' for kind, n in counts.items())})" if counts else ""
    return (
        "\n- Personal data that is known by its form was replaced by marks such as `[e-mail]` "
        f"in prompts and responses{told}; names, addresses and what people tell of themselves were not looked for."
    )


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return "(none)"
    lines = [header, tuple("---" for _ in header), *(tuple(_cell(value) for value in row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: str) -> str:
    """Text that cannot break a Markdown table or become markup."""
    return re.sub(r"([|<>\[\]])", r"\\\1", " ".join(str(value).split()))
