"""Why a pair was decided as it was: the last decision made again, taken apart, and tried under what might happen."""

from dataclasses import dataclass

from prefcurate.schemas.canonical import shard_of
from prefcurate.transforms.consensus.change import Change, changes
from prefcurate.transforms.consensus.decide import Decision, Rules, decide
from prefcurate.transforms.consensus.how import How, last_how, model_of
from prefcurate.transforms.consensus.options import policy_of
from prefcurate.transforms.consensus.rows import beliefs_of
from prefcurate.transforms.consensus.shard import read_shard
from prefcurate.transforms.consensus.worth import Worths, of_prompt, worths
from prefcurate.transforms.store.snapshot import Snapshot


@dataclass(frozen=True)
class Explained:
    """A decision with its reasons in numbers.

    Attributes:
        how: what decided.
        made: the decision of the consensus, whatever an override says.
        worths: what each opinion is worth in it.
        changes: what would change it.
        evidence: ids of the annotations that it rests on, as in the table `consensus`.
    """

    how: How
    made: Decision
    worths: Worths
    changes: tuple[Change, ...]
    evidence: tuple[str, ...] = ()


def explain(snapshot: Snapshot, prompt_id: str, comparison_id: str) -> Explained | None:
    """Explains the consensus on a comparison, reading its shard; None where the store does not hold what decided it.

    What stands in the tables now is explained: when opinions came after the consensus, it is not the row of the table.
    """
    how = last_how(snapshot.store)
    model = None if how is None else model_of(snapshot.store, how)
    if how is None or model is None:
        return None
    try:
        policy = policy_of(how.policy)
    except ValueError:
        return None
    number = shard_of(prompt_id, snapshot.store.shards)
    read = read_shard(snapshot, number, how.gold, how.seed, how.gated, how.closest, policy.borne_out)
    shard = of_prompt(read, prompt_id)
    if comparison_id not in shard.comparison_ids:
        return None
    place = shard.comparison_ids.index(comparison_id)
    rules = Rules(policy, how.min_accuracy, model.strata, how.can_ask)
    made = decide(beliefs_of(shard, model)[place], rules)
    may_be_gold = bool(how.gold.annotators or how.gold.sources)
    found = changes(shard, place, model, rules, may_be_gold)
    said = zip(shard.votes["pair"].to_pylist(), shard.annotation_ids, strict=True)
    evidence = tuple(sorted(annotation for pair, annotation in said if pair == place))
    return Explained(how, made, worths(shard, place, model, rules), tuple(found), evidence)
