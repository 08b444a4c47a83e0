"""The rows of the table `consensus`: each comparison's probabilities and decision."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict

import numpy as np
import pyarrow as pa

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.consensus.acts import Acts, acts_of
from prefcurate.transforms.consensus.agreement import gate
from prefcurate.transforms.consensus.cartography import Map
from prefcurate.transforms.consensus.decide import Beliefs, Override, Rules, decide, override
from prefcurate.transforms.consensus.model import LabelModel
from prefcurate.transforms.consensus.posterior import by_models, from_elsewhere, posterior, variants
from prefcurate.transforms.consensus.shard import ShardVotes
from prefcurate.transforms.consensus.signals import Signals
from prefcurate.transforms.consensus.votes import NO_LABEL, Ints, gold_truth, votes_of
from prefcurate.transforms.consensus.words import Said, said_elsewhere, said_of_models, who_said_what

_DIGITS = 9
_GOLD = {1: "a", -1: "b", 0: "tie"}
_NO_SIGNALS = Signals()


def consensus_rows(
    shard: ShardVotes,
    model: LabelModel,
    rules: Rules,
    overrides: Mapping[str, Override],
    signals: Signals = _NO_SIGNALS,
    seen: Map | None = None,
) -> pa.Table:
    """One row a comparison, in key order; with the dynamics of its label where they were watched (`seen`)."""
    ids = _evidence(shard)
    decisions = []
    beliefs = beliefs_of(shard, model)
    for comparison, believed in zip(shard.comparison_ids, beliefs, strict=True):
        word = overrides.get(comparison)
        decision = decide(believed, rules) if word is None else override(believed, word)
        # A person's word and gold on the pair itself need nobody's agreement.
        if word is None and (believed.gold is None or believed.gold != decision.label):
            decision = gate(decision, signals.of(comparison), rules.min_accuracy)
        proven = word is not None or believed.gold is not None
        decisions.append(decision if seen is None else seen.truncated(comparison, decision, proven))
    rows = [
        vars(decision)
        | {
            "prompt_id": shard.prompt_ids[place],
            "comparison_id": comparison,
            "attribute": "overall",
            "context": "none",
            "label_in": shard.label_in[place],
            "evidence": ids[place],
            "agreement": beliefs[place].agreement(decision.label),
            "signals": [asdict(signal) for _, signal in signals.of(comparison) if signal is not None],
        }
        | ({} if seen is None else seen.columns(comparison, decision.label))
        for place, (comparison, decision) in enumerate(zip(shard.comparison_ids, decisions, strict=True))
    ]
    return pa.Table.from_pylist(rows, schema=TABLES["consensus"].schema)


def beliefs_of(shard: ShardVotes, model: LabelModel) -> list[Beliefs]:
    """What the model says of each comparison, in key order."""
    found = dict(_beliefs(shard, model))
    silence = {label: Beliefs(*_prior(model), 0.0, label, 0, None, "") for label in {None, *shard.label_in}}
    return [found.get(place, silence[label]) for place, label in enumerate(shard.label_in)]


def _prior(model: LabelModel) -> tuple[float, float, float]:
    half = round((1 - model.tie_share) / 2, _DIGITS)
    return half, half, round(1 - 2 * half, _DIGITS)


def _beliefs(shard: ShardVotes, model: LabelModel) -> Iterator[tuple[int, Beliefs]]:
    """What the model says of each comparison that has votes."""
    votes = votes_of([shard.votes])
    places = np.unique(shard.votes["pair"].to_numpy())
    acts = acts_of(votes, model.voices)
    known = acts.keep(acts.voice >= 0)
    gold = gold_truth(votes)
    on_gold = gold != NO_LABEL
    chances = posterior(model, known, votes.fold, on_gold, votes.sides)
    best = np.where(chances[:, 0] >= chances[:, 1], 1, -1)
    low = posterior(model, known, votes.fold, on_gold, votes.sides, low_for=best)
    said = _said(known, model, variants(votes.fold, on_gold))
    elsewhere = from_elsewhere(model, known, votes.fold, on_gold, votes.sides).tolist()
    models = by_models(model, votes.fold, on_gold, votes.sides).tolist()
    for pair, place in enumerate(places.tolist()):
        p_a, p_b, p_tie = chances[pair].tolist()
        column = 0 if best[pair] > 0 else 1
        yield (
            place,
            Beliefs(
                p_a,
                p_b,
                p_tie,
                float(low[pair, column] + low[pair, 2] / 2),
                shard.label_in[place],
                sum(act.heard for act in said[pair]),
                _GOLD.get(int(gold[pair])),
                "; ".join(
                    filter(
                        None,
                        (
                            who_said_what(said[pair], int(best[pair])),
                            said_elsewhere(elsewhere[pair]),
                            said_of_models(models[pair]),
                        ),
                    )
                ),
                sum(act.heard and act.vote > 0 for act in said[pair]),
                sum(act.heard and act.vote < 0 for act in said[pair]),
            ),  # fmt: skip
        )


def _said(acts: Acts, model: LabelModel, variant: Ints) -> dict[int, list[Said]]:
    said: dict[int, list[Said]] = defaultdict(list)
    columns = (acts.pair, acts.voice, acts.vote, acts.cell, acts.gold, model.live(acts, variant))
    for pair, voice, vote, cell, gold, heard in zip(*(column.tolist() for column in columns), strict=True):
        said[pair].append(Said(model.voices.names[voice], model.voices.kinds[voice], vote, cell, gold, heard))
    return said


def _evidence(shard: ShardVotes) -> list[list[str]]:
    ids: list[list[str]] = [[] for _ in shard.comparison_ids]
    for place, annotation in zip(shard.votes["pair"].to_pylist(), shard.annotation_ids, strict=True):
        ids[place].append(annotation)
    return [sorted(found) for found in ids]
