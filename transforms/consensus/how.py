"""How the pairs of a store were decided last: what the ledger remembers of it, so that whoever looks later can follow."""

import json
from dataclasses import dataclass
from typing import Any

from prefcurate.schemas.canonical import canonical_json
from prefcurate.transforms.consensus.model import LabelModel, load_model, model_path
from prefcurate.transforms.consensus.options import GateOptions
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.store.files import exists
from prefcurate.transforms.store.store import Store

KEY = "how"
"""Of the remark in the ledger's entry of the stage consensus (`Finished`)."""


@dataclass(frozen=True)
class How:
    """What decided: all that must be known beside the tables to decide the same again.

    Attributes:
        policy: ``name@version``.
        min_accuracy, can_ask, seed: as configured.
        gold: whose labels were gold.
        model: name of the fitted label model among the store's artefacts.
        gated: attributes that counted between right answers.
        closest: how many graded answers to a pair counted; None for all.
    """

    policy: str
    min_accuracy: float
    can_ask: bool
    seed: int
    gold: GoldOptions
    model: str
    gated: tuple[GateOptions, ...] = ()
    closest: int | None = None

    def to_json(self) -> str:
        """For the ledger."""
        gated = [gate.model_dump(mode="json") for gate in self.gated]
        return canonical_json(vars(self) | {"gold": self.gold.model_dump(mode="json"), "gated": gated})

    @property
    def words(self) -> str:
        """ "policy votes@1, min_accuracy 0.75"."""
        return f"policy {self.policy}, min_accuracy {self.min_accuracy:g}"

    @property
    def about(self) -> dict[str, Any]:
        """For a release's manifest."""
        return {"policy": self.policy, "min_accuracy": self.min_accuracy}


def last_how(store: Store) -> How | None:
    """How the last run of the stage consensus decided; None where there was none, or one of an earlier prefcurate."""
    entry = store.latest("consensus")
    told = (entry.detail.get(KEY) or [None])[0] if entry else None
    return None if told is None else _read(told)


def _read(told: str) -> How:
    values = json.loads(told)
    gated = tuple(GateOptions.model_validate(gate) for gate in values["gated"])
    return How(**values | {"gold": GoldOptions.model_validate(values["gold"]), "gated": gated})


def model_of(store: Store, how: How) -> LabelModel | None:
    """The label model that decided; None where it is gone (a forgetting clears it) or of another version."""
    path = model_path(store.root, how.model)
    if not exists(path):
        return None
    try:
        return load_model(path)
    except ValueError:
        return None
