"""Splits are facts: given once to everything that hangs together, and never moved.

Prompts hang together when they share a near-duplicate cluster or a conversation, now or when their split was given, and
transitively. Everything that hangs together is published in one split or not at all.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from prefcurate.schemas.canonical import unit_interval
from prefcurate.transforms.publish.options import SPLITS, SplitShares

MEMBERS = pa.schema([("prompt_id", pa.string()), ("prompt_cluster", pa.string()), ("conversation_id", pa.string())])
KNOWN = MEMBERS.append(pa.field("split", pa.string()))
ASSIGNED = pa.schema(
    [
        *MEMBERS,
        ("split", pa.string()),  # the prompt's own, as it is stored for ever
        ("group_split", pa.string()),  # of all that hangs together: where it differs the prompt is withheld
        ("new", pa.bool_()),
    ]
)


def assign_splits(members: pa.Table, known: pa.Table, shares: SplitShares, seed: int) -> pa.Table:
    """The split of every prompt: the stored one, or that of the group it belongs to, or one by chance.

    Args:
        members: `MEMBERS`, today's prompts with their cluster and conversation (a prompt may stand more than once).
        known: `KNOWN`, every split ever given, of prompts that are no longer there too.
        shares: the chance of each split, for groups in which nobody has one yet.
        seed: of that chance, which is a hash of the group's smallest prompt id.

    Returns:
        `ASSIGNED`: one row for every prompt of `members`, sorted by prompt_id.
    """
    everyone = pa.concat_tables([known.select(MEMBERS.names).cast(MEMBERS), members.cast(MEMBERS)])
    prompts, codes = _codes(everyone["prompt_id"])
    links = [codes, *(_codes(everyone[column])[1] for column in ("prompt_cluster", "conversation_id"))]
    group = _components(links)[codes]
    fact = _known_split(known, prompts)
    of_group = _group_splits(group, codes, fact, prompts, shares, seed)
    at = codes[len(known) :]
    _, first = np.unique(at, return_index=True)
    rows = members.take(pa.array(first))
    new = fact[at[first]] < 0
    wins = of_group[group[len(known) :][first]]
    own = np.where(new, wins, fact[at[first]])
    names = np.array(SPLITS, dtype=object)
    assigned = [*rows.columns, pa.array(names[own], pa.string()), pa.array(names[wins], pa.string()), pa.array(new)]
    return pa.Table.from_arrays(assigned, schema=ASSIGNED).sort_by("prompt_id")


def _codes(column: pa.ChunkedArray) -> tuple[list[str], np.ndarray]:
    """The distinct values, sorted, and each row's place among them."""
    values = pc.unique(column).sort()
    return values.to_pylist(), pc.index_in(column, values).to_numpy().astype(np.int64)


def _components(links: Sequence[np.ndarray]) -> np.ndarray:
    """The group of every prompt, when rows tie it to a cluster and a conversation."""
    sizes = [int(codes.max(initial=-1)) + 1 for codes in links]
    starts = np.cumsum([0, *sizes])
    prompt = links[0]
    ends = [codes + start for codes, start in zip(links[1:], starts[1:], strict=False)]
    left, right = np.concatenate([prompt] * len(ends)), np.concatenate(ends)
    graph = coo_matrix((np.ones(len(left), np.int8), (left, right)), shape=(starts[-1], starts[-1]))
    _, group = connected_components(graph, directed=False)
    return np.asarray(group[: sizes[0]], dtype=np.int64)


def _known_split(known: pa.Table, prompts: list[str]) -> np.ndarray:
    """Each prompt's stored split as its place in `SPLITS`, -1 without one."""
    fact = np.full(len(prompts), -1, dtype=np.int64)
    at = pc.index_in(known["prompt_id"], pa.array(prompts, pa.string())).to_numpy()
    fact[at.astype(np.int64)] = pc.index_in(known["split"], pa.array(SPLITS)).to_numpy()
    return fact


def _group_splits(
    group: np.ndarray, codes: np.ndarray, fact: np.ndarray, prompts: list[str], shares: SplitShares, seed: int
) -> np.ndarray:
    """Each group's split: the strongest that a member has, or by the hash of its smallest prompt id."""
    groups = int(group.max(initial=-1)) + 1
    none = len(SPLITS)
    strongest = np.full(groups, none, dtype=np.int64)
    np.minimum.at(strongest, group, np.where(fact[codes] < 0, none, fact[codes]))
    smallest = np.full(groups, len(prompts), dtype=np.int64)
    np.minimum.at(smallest, group, codes)
    for index in np.flatnonzero(strongest == none):
        chance = unit_interval(seed, prompts[smallest[index]], "split")
        strongest[index] = SPLITS.index(shares.of(chance))
    return strongest
