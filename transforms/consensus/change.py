"""What would change the decision on a pair: other opinions, fewer opinions, gold, another `min_accuracy`, each decided anew."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from prefcurate.transforms.consensus.acts import Voices
from prefcurate.transforms.consensus.bounds import interval
from prefcurate.transforms.consensus.calibrate import Strata
from prefcurate.transforms.consensus.decide import Decision, Rules, decide
from prefcurate.transforms.consensus.model import LabelModel
from prefcurate.transforms.consensus.options import Policy
from prefcurate.transforms.consensus.reliability import Reliability
from prefcurate.transforms.consensus.rows import beliefs_of
from prefcurate.transforms.consensus.shard import ShardVotes
from prefcurate.transforms.consensus.votes import VOTES, Bools

_LIKE_NO_OTHER = {
    "fold": 0, "cluster": 0, "longer": 0, "chance": 0.0, "a": -1, "b": -2, "length": 0.0, "format": 0.0, "model_a": 0, "model_b": 0, "task": 0,
}  # fmt: skip
MORE = 5
"""People who are imagined at most."""
_SOMEONE = "person:someone/asked"
_LABELS = {1: "a", -1: "b", 0: "tie"}
_OTHER = {"a": "b", "b": "a"}


@dataclass(frozen=True)
class Change:
    """Something that might happen, and the decision that would be made then.

    Attributes:
        kind: `people` (so many more people say `side`), `gold` (a gold label says `side`), `without` (nobody had heard `who`),
            `min_accuracy` (it is `number`), `proof` (of gold pairs like this one, at least `number` of `of` show such flips right).
        made: the decision then; the same as today's where nothing would change.
    """

    kind: str
    made: Decision
    side: str = ""
    who: str = ""
    number: float = 0
    of: int = 0


def changes(shard: ShardVotes, place: int, model: LabelModel, rules: Rules, gold: bool) -> list[Change]:
    """What would change the decision on the comparison at a place of a shard, nearest first of each kind.

    Args:
        shard: best of one prompt (`of_prompt`): everything is decided anew for each.
        place: in it.
        model, rules: those that decided.
        gold: somebody's labels are gold, so that one of them might come.
    """
    case = _Case(shard, place, model, rules)
    found = [*_people(case)]
    found += _gold(case) if gold else []
    return [*found, *_without(case), *_proof(case), *_min_accuracy(case)]


def outcome(made: Decision) -> tuple[str, str | None]:
    """What two decisions must share to be the same."""
    return made.decision, made.label


@dataclass(frozen=True)
class _Case:
    shard: ShardVotes
    place: int
    model: LabelModel
    rules: Rules

    @property
    def today(self) -> Decision:
        return self.decided(self.shard.votes, self.model, self.shard.label_in[self.place])

    def decided(self, votes: pa.Table, model: LabelModel, came: str | None) -> Decision:
        labels = [*self.shard.label_in]
        labels[self.place] = came
        shard = replace(self.shard, label_in=labels, votes=votes)
        return decide(beliefs_of(shard, model)[self.place], self.rules)

    def with_more(self, side: int, people: int, gold: bool = False) -> Decision:
        """With so many more people for a side."""
        more = [self._vote(side, number, gold) for number in range(people)]
        votes = pa.concat_tables([self.shard.votes, pa.Table.from_pylist(more, schema=VOTES)])
        return self.decided(votes, _with_someone(self.model, self.rules.policy), self.shard.label_in[self.place])

    def _vote(self, side: int, number: int, gold: bool) -> dict[str, object]:
        mine = self.shard.votes.filter(pc.equal(self.shard.votes["pair"], self.place)).slice(0, 1).to_pylist()
        # A pair that nobody has spoken of is like no other.
        about = mine[0] if mine else _LIKE_NO_OTHER
        return about | {
            "pair": self.place, "annotator": _SOMEONE, "family": _SOMEONE, "kind": "person", "label": side, "order": 0,
            "judgement": -1 - number, "gold": gold, "given": False,
        }  # fmt: skip


def _people(case: _Case) -> Iterator[Change]:
    """The numbers of people at which the decision changes; the last of them where it never does."""
    for side in (1, -1):
        last = today = case.today
        for people in range(1, MORE + 1):
            made = case.with_more(side, people)
            if outcome(made) != outcome(last):
                yield Change("people", made, _LABELS[side], number=people)
                last = made
        if outcome(last) == outcome(today) and today.label != _LABELS[side]:
            yield Change("people", today, _LABELS[side], number=MORE)


def _gold(case: _Case) -> Iterator[Change]:
    today = case.today
    for side in (1, -1):
        made = case.with_more(side, 1, gold=True)
        if outcome(made) != outcome(today):
            yield Change("gold", made, _LABELS[side])


def _without(case: _Case) -> Iterator[Change]:
    votes, model, today = case.shard.votes, case.model, case.today
    families = votes["family"].cast(pa.string())
    here = families.filter(pc.equal(votes["pair"], case.place)).to_pylist()
    voices = {model.voices.of_family.get(family, family) for family in here}
    for voice in sorted(voices):
        of_voice = [family for family in set(here) if model.voices.of_family.get(family, family) == voice]
        leaves = pc.and_(pc.equal(votes["pair"], case.place), pc.is_in(families, value_set=pa.array(of_voice)))
        left = votes.filter(pc.invert(leaves))
        made = case.decided(left, model, _label_in(left, case.place))
        if outcome(made) != outcome(today):
            yield Change("without", made, who=voice)


def _label_in(votes: pa.Table, place: int) -> str | None:
    """The label that came: the majority of the people, else of all that came."""
    given = votes.filter(pc.and_(votes["given"], pc.equal(votes["pair"], place))).to_pylist()
    people = [vote["label"] for vote in given if vote["kind"] == "person"]
    ranked = Counter(people or [vote["label"] for vote in given]).most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return _LABELS[ranked[0][0]]


def _proof(case: _Case) -> Iterator[Change]:
    """How many gold pairs like this one would have to show that such flips are right."""
    today, enough = case.today, case.rules.policy.flip_pairs
    if today.decision not in ("soften", "drop", "hold") or case.shard.label_in[case.place] not in _OTHER:
        return
    for right in range(enough // 2, enough + 1):
        if interval(right, enough)[0] < case.rules.policy.flip_lower:
            continue
        strata = {**case.rules.strata, "flip": Strata(((0.0, enough, right),))}
        made = replace(case, rules=replace(case.rules, strata=strata)).today
        if made.decision == "flip":
            yield Change("proof", made, number=right, of=enough)
            return


def _min_accuracy(case: _Case) -> Iterator[Change]:
    """The `min_accuracy` from which on it would be published, or no longer."""
    today = case.today
    if today.expected_accuracy is None:
        return
    published = today.weight is not None
    # In whole hundredths, as people write it; half of a hundredth more or less decides nothing.
    percent = int(np.floor(today.expected_accuracy * 100 + 1e-9)) + (1 if published else 0)
    number = percent / 100
    if not 0.5 <= number <= 1.0:
        return
    made = replace(case, rules=replace(case.rules, min_accuracy=number)).today
    if outcome(made) != outcome(today):
        yield Change("min_accuracy", made, number=number)


def _with_someone(model: LabelModel, policy: Policy) -> LabelModel:
    """The model with one more voice: people of whom nothing is known but that they are people, each an opinion of its own."""
    known = model.people & ~model.silent[0]
    voices = Voices(
        (*model.voices.names, _SOMEONE), (*model.voices.kinds, "person"),
        {**model.voices.of_family, _SOMEONE: _SOMEONE}, model.voices.pools | {_SOMEONE},
    )  # fmt: skip
    reliability = tuple(_with_person(each, known, policy) for each in model.reliability)
    beside = model.beside and replace(
        model.beside,
        believed=np.append(model.beside.believed, 1.0),
        weights=tuple(np.append(weights, 1.0) for weights in model.beside.weights),
    )
    return replace(
        model, voices=voices, reliability=reliability, silent=np.pad(model.silent, ((0, 0), (0, 1))), beside=beside
    )


def _with_person(told: Reliability, known: Bools, policy: Policy) -> Reliability:
    """One more voice: the mean of the people's, or what is believed of a person where there are none."""
    if known.any():
        rows = {name: values[known].mean(axis=0, keepdims=True) for name, values in vars(told).items()}
    else:
        believed = np.full((1, told.accuracy.shape[1]), policy.kind_accuracy["person"])
        seldom, often = np.array([0.05]), np.array([0.3])
        rows = {"accuracy": believed, "accuracy_low": believed, "tie_if_better": seldom, "tie_if_tie": often}
    return Reliability(**{name: np.concatenate([values, rows[name]]) for name, values in vars(told).items()})
