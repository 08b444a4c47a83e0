"""Which gold prompts may be learned from (`fit`) and which only the report may see (`audit`): assigned once, by cluster."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prefcurate.schemas.canonical import unit_interval


@dataclass(frozen=True, order=True)
class GoldPrompt:
    """A prompt with gold labels; `side` is what an earlier run assigned, or empty."""

    prompt_id: str
    side: str = ""


def new_sides(prompts: Iterable[GoldPrompt], cluster_of: Mapping[str, str], seed: int, audit: float) -> dict[str, str]:
    """The side of each gold prompt that has none yet.

    A cluster that has a side passes it on; when clusters of both sides grew together, new members are audit's: what the
    report measures by must not be learned from. Sides that were assigned are never changed.

    Args:
        prompts: all gold prompts of the store.
        cluster_of: the cluster of each prompt that is not alone.
        seed: of the configuration.
        audit: share of clusters for audit.
    """
    sides: dict[str, set[str]] = defaultdict(set)
    fresh: set[str] = set()
    for prompt in prompts:
        if prompt.side:
            sides[cluster_of.get(prompt.prompt_id, prompt.prompt_id)].add(prompt.side)
        else:
            fresh.add(prompt.prompt_id)
    assigned = {}
    for prompt_id in sorted(fresh):
        cluster = cluster_of.get(prompt_id, prompt_id)
        known = sides.get(cluster)
        if known:
            assigned[prompt_id] = "audit" if "audit" in known else "fit"
        else:
            assigned[prompt_id] = "audit" if unit_interval(seed, cluster, "gold") < audit else "fit"
    return assigned


def mixed_clusters(prompts: Iterable[GoldPrompt], cluster_of: Mapping[str, str]) -> list[str]:
    """Clusters that hold prompts of both sides since they grew together, for the record."""
    sides: dict[str, set[str]] = defaultdict(set)
    for prompt in prompts:
        if prompt.side:
            sides[cluster_of.get(prompt.prompt_id, prompt.prompt_id)].add(prompt.side)
    return sorted(cluster for cluster, found in sides.items() if len(found) > 1)
