"""What gold of side fit says of labels like those that are published: the evidence on which flips are made, or not made."""

from collections.abc import Iterator

from prefcurate.transforms.consensus.calibrate import Strata
from prefcurate.transforms.consensus.how import last_how, model_of
from prefcurate.transforms.consensus.options import Policy, policy_of
from prefcurate.transforms.report.findings import Proof, Stratum
from prefcurate.transforms.store.store import Store

KINDS = ("flip", "keep", "assign")


def proof_of(store: Store) -> Proof | None:
    """How the pairs were decided last and on what evidence; None where the store does not tell."""
    how = last_how(store)
    model = None if how is None else model_of(store, how)
    if how is None or model is None:
        return None
    policy = policy_of(how.policy)
    strata = (row for kind in KINDS if kind in model.strata for row in _strata(kind, model.strata[kind], policy))
    return Proof(how.policy, how.min_accuracy, policy.flip_pairs, tuple(strata))


def _strata(kind: str, strata: Strata, policy: Policy) -> Iterator[Stratum]:
    above_each = (*(edge for edge, _, _ in strata.rows[1:]), 1.0)
    for (edge, counted, right), above in zip(strata.rows, above_each, strict=True):
        if not sum(n for low, n, _ in strata.rows if low <= edge):
            continue
        found = strata.like(edge, policy.flip_pairs)
        proven = found is not None and found.low >= policy.flip_lower
        yield Stratum(
            kind, edge, above, counted, right, None if found is None else found.n,
            None if found is None else round(found.rate, 6), None if found is None else round(found.low, 6), proven,
        )  # fmt: skip
