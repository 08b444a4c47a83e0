"""Reward heads on a store: what they learn from, what they never see, and that answers do not depend on how they are stored."""

import json

import numpy as np
import pyarrow as pa
import pytest

from prefcurate.schemas.records import Label
from prefcurate.transforms.annotate.annotator import Question, annotation_rows
from prefcurate.transforms.annotate.bradley_terry import fold_of
from prefcurate.transforms.annotate.examples import EXAMPLES, allowed_labels
from prefcurate.transforms.annotate.reward_head import RewardHead, read_heads, scored
from prefcurate.transforms.embed.options import EmbedOptions
from prefcurate.transforms.ingest.options import GoldOptions
from tests.helpers import context, label, make_store, pair
from tests.transforms.annotate.vectors import commit, commit_rows, with_clusters, with_vectors

EMBED = EmbedOptions()
READS = ("comparisons", "annotations", "occurrences", "clusters", "embeddings", "gold")
HEAD = RewardHead(name="head", kind="reward_head", members=3).bound(EMBED, GoldOptions())


def pin(store):
    return context(store, "annotate", READS, ("annotations",), [EMBED.fingerprint()]).pin()


def learned(store, annotator=HEAD, seed=7):
    """What the stage does: examples of all shards, one fit, answers of all shards; by prompt text."""
    snapshot = pin(store)
    examples = pa.concat_tables([annotator.examples(snapshot, shard) for shard in range(store.shards)])
    artefact = annotator.fit(examples, seed)
    found = {}
    for shard in range(store.shards):
        questions = list(annotator.questions(snapshot, shard))
        rows = {r["comparison_id"]: r for r in snapshot.table("comparisons", shard).to_pylist()}
        for answer in annotator.answer(snapshot, shard, questions, artefact):
            found[rows[answer.question.comparison_id]["prompt_text"]] = (answer, rows[answer.question.comparison_id])
    return examples, artefact, found


def preferred(answer, row):
    return {Label.A: row["response_a_text"], Label.B: row["response_b_text"], Label.TIE: None}[answer.label]


def planted(tmp_path, pairs=120, labelled=None, kind="person", seed=0, annotators=("ann",)):
    """Pairs whose good response lies in a hidden direction; each labelled by every annotator in `annotators`."""
    random = np.random.default_rng(seed)
    direction = random.normal(size=6)
    vectors, given = {}, []
    for i in range(pairs):
        good, bad = random.normal(size=(2, 6))
        if (good - bad) @ direction < 0:
            good, bad = bad, good
        vectors |= {f"prompt {i}": random.normal(size=6), f"good {i}": good, f"bad {i}": bad}
        first = i % 2 == 0
        texts = (f"good {i}", f"bad {i}") if first else (f"bad {i}", f"good {i}")
        labels = [label("first" if first else "second", name, kind) for name in annotators]
        given.append(pair(f"prompt {i}", *texts, *(labels if labelled is None or i < labelled else ())))
    store = make_store(tmp_path, given)
    with_vectors(store, vectors, EMBED.fingerprint())
    return store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """120 labelled pairs with a planted preference; tests only read it."""
    return planted(tmp_path_factory.mktemp("planted"))


def test_a_planted_preference_is_learned_and_applied_to_pairs_without_labels(tmp_path):
    store = planted(tmp_path, pairs=140, labelled=110)
    examples, _, found = learned(store)
    assert examples.schema == EXAMPLES
    assert examples.num_rows == 110
    assert len(found) == 140
    right = [preferred(*of).startswith("good") for of in found.values()]
    assert np.mean(right) > 0.8
    for answer, _ in found.values():
        told = json.loads(answer.rationale)
        assert answer.strength == told["mean"]
        assert told["spread"] > 0
        assert 50 <= told["learned_from"] < 110, "its own fold is not among them"
        assert (answer.p_a > 0.5) == (answer.strength > 0)


def test_the_same_store_gives_the_same_rows(store):
    rows = []
    for _ in range(2):
        _, artefact, found = learned(store)
        rows.append((artefact, annotation_rows(HEAD, [answer for answer, _ in found.values()])))
    assert rows[0][0] == rows[1][0]
    assert rows[0][1].equals(rows[1][1])


def test_heads_do_not_depend_on_where_and_in_which_order_rows_lie(tmp_path):
    """Votes of thirds and rankings, whose means have last bits: the same from one shard and from four, forth and back."""
    random = np.random.default_rng(5)
    vectors, given = {}, []
    for i in range(60):
        texts = (f"prompt {i}", f"one {i}", f"two {i}")
        vectors |= dict(zip(texts, random.normal(size=(3, 6)), strict=True))
        votes = [label("first" if random.random() < 0.7 else "second", f"p{v}") for v in range(1 + i % 4)]
        acts = [label(v, f"m{m}", "llm_judge", judgement=f"act {m}") for m in range(3) for v in ["second"] * (1 + m)]
        given.append(pair(*texts, *votes, *acts))
    found = []
    for name, order, shards in (("one", given, 1), ("four", given[::-1], 4)):
        (tmp_path / name).mkdir()
        store = make_store(tmp_path / name, order, shards)
        with_vectors(store, vectors, EMBED.fingerprint())
        examples, artefact, answers = learned(store, HEAD.model_copy(update={"min_labels": 30}))
        rows = annotation_rows(HEAD, [answer for answer, _ in answers.values()]).sort_by("annotation_id")
        found.append((examples.sort_by("comparison_id"), artefact, rows))
    assert found[0][0].equals(found[1][0]) and found[0][1] == found[1][1] and found[0][2].equals(found[1][2])


def test_random_labels_repeated_in_a_cluster_are_scored_at_chance(tmp_path):
    """Eight paraphrases of each prompt share vectors and a random label: only a head that saw one of them knows the others."""
    random = np.random.default_rng(4)
    vectors, given = {}, []
    for cluster in range(40):
        prompt, one, two = random.normal(size=(3, 24))
        verdict = "first" if random.random() < 0.5 else "second"
        for copy in range(8):
            name = f"{cluster}-{copy}"
            vectors |= {f"prompt {name}": prompt, f"one {name}": one, f"two {name}": two}
            given.append(pair(f"prompt {name}", f"one {name}", f"two {name}", label(verdict)))
    store = make_store(tmp_path, given)
    with_vectors(store, vectors, EMBED.fingerprint())
    with_clusters(store, lambda prompt: prompt.split()[1].split("-")[0])
    truth = {g.prompt[0].content[0].text: g for g in given}
    _, _, found = learned(store)
    assert len(found) == len(given)
    right = []
    for prompt, (answer, row) in found.items():
        wanted = truth[prompt].first if truth[prompt].labels[0].verdict == "first" else truth[prompt].second
        right.append(preferred(answer, row) == wanted[0].content[0].text)
    assert np.mean(right) < 0.72, "at chance: 0.5, standard error 0.08"


def test_audit_gold_is_never_learned_from(tmp_path):
    store = planted(tmp_path, pairs=60, annotators=("ann", "expert"))
    gold = GoldOptions(annotators=("person:data/expert",))
    snapshot = context(store, "screen", ("comparisons", "annotations"), ("gold",)).pin()
    parts, audit = [], set()
    for shard in range(store.shards):
        prompts = sorted(set(snapshot.table("comparisons", shard)["prompt_id"].to_pylist()))
        sides = {p: "audit" if i % 2 else "fit" for i, p in enumerate(prompts)}
        audit |= {p for p, side in sides.items() if side == "audit"}
        commit_rows(
            store, "gold", shard, [{"prompt_id": p, "prompt_cluster": p, "side": s} for p, s in sides.items()], parts
        )
    commit(store, "gold", parts)
    snapshot = pin(store)
    for learn_from, expected in (
        ("people", {("ann", "fit"), ("ann", "audit"), ("expert", "fit")}),
        ("gold", {("expert", "fit")}),
    ):
        seen = set()
        for shard in range(store.shards):
            allowed = allowed_labels(snapshot, shard, learn_from, gold)
            for row in snapshot.table("annotations", shard).to_pylist():
                if row["annotation_id"] in allowed:
                    seen.add((row["annotator"].split("/")[-1], "audit" if row["prompt_id"] in audit else "fit"))
        assert seen == expected


def test_learning_from_people_leaves_judges_out(tmp_path):
    store = planted(tmp_path, pairs=60, kind="llm_judge")
    people = HEAD.model_copy(update={"learn_from": "people"})
    examples, artefact, found = learned(store, people)
    assert (examples.num_rows, artefact, found) == (0, None, {})
    assert sum(HEAD.examples(pin(store), shard).num_rows for shard in range(store.shards)) == 60


def test_our_own_annotations_are_never_learned_from(tmp_path):
    store = planted(tmp_path, pairs=80, labelled=0)
    snapshot = pin(store)
    parts = []
    for shard in range(store.shards):
        answers = [scored(question, np.array([1.0, 2.0]), 9) for question in HEAD.questions(snapshot, shard)]
        commit_rows(store, "annotations", shard, annotation_rows(HEAD, answers).to_pylist(), parts)
    commit(store, "annotations", parts)
    ours = context(store, "annotate", READS, ("annotations",), [EMBED.fingerprint(), HEAD.fingerprint()]).pin()
    assert ours.table("annotations").num_rows == 80
    assert sum(HEAD.examples(ours, shard).num_rows for shard in range(store.shards)) == 0


def test_targets_and_weights(tmp_path):
    """Three people count three times, a judge's samples once, a ranking's labels together as one."""
    judge = [label("second", "gpt", "llm_judge", sample=i) for i in range(4)]
    ranking = {"judgement": "ranking", "annotator": "ranker"}
    given = [
        pair("votes", "x", "y", label("first", "p1"), label("first", "p2"), label("second", "p3")),
        pair("mixed", "x", "y", label("first", "p1"), *judge),
        pair("tie", "x", "y", label("tie")),
        pair("bad", "x", "y", label("both_bad")),
        pair("unratable", "x", "y", label("unratable")),
        pair("other attribute", "x", "y", label("first", attribute="humour")),
        pair("ranked", "x", "y", label("first", **ranking), label("second", **ranking), group_id="g"),
        pair("grouped", "x", "z", label("first"), group_id="g"),
    ]
    store = make_store(tmp_path, given, shards=1)
    texts = [g.prompt[0].content[0].text for g in given] + ["x", "y", "z"]
    with_vectors(store, {text: np.ones(2) * i for i, text in enumerate(texts)}, EMBED.fingerprint())
    snapshot = pin(store)
    rows = {r["comparison_id"]: r for r in snapshot.table("comparisons").to_pylist()}
    found = {}
    for example in HEAD.examples(snapshot, 0).to_pylist():
        row = rows[example["comparison_id"]]
        target = example["target"] if row["response_a_text"] == "x" else 1 - example["target"]
        found[row["prompt_text"]] = (pytest.approx(target), pytest.approx(example["weight"]))
    assert found == {
        "votes": (2 / 3, 1.0),
        "mixed": (0.5, 1.0),
        "tie": (0.5, 1.0),
        "bad": (0.5, 1.0),
        "ranked": (0.5, 0.5),
        "grouped": (1.0, 0.5),
    }


def test_a_limit_takes_a_hash_sample(store):
    limited = HEAD.model_copy(update={"max_pairs": 80, "min_labels": 30})
    examples, _, found = learned(store, limited)
    assert examples.num_rows == 80
    assert len(found) == 120, "all are scored"


def test_too_few_labels_give_no_annotation(tmp_path):
    _, artefact, found = learned(planted(tmp_path, pairs=60, labelled=30))
    assert (artefact, found) == (None, {})


def test_only_comparisons_with_vectors_are_asked_about(tmp_path):
    store = make_store(tmp_path, [pair("p", "x", "y"), pair("q", "x", "z")])
    with_vectors(store, {"p": [1, 0], "q": [1, 0], "x": [0, 1], "y": [1, 1]}, EMBED.fingerprint())
    snapshot = pin(store)
    assert sum(len(list(HEAD.questions(snapshot, shard))) for shard in range(store.shards)) == 1


def test_answers_do_not_depend_on_which_response_is_a():
    question = Question("p", "c")
    one, other = scored(question, np.array([0.5, 1.5]), 9), scored(question, np.array([-0.5, -1.5]), 9)
    assert (one.label, other.label) == (Label.A, Label.B)
    assert one.p_a + other.p_a == pytest.approx(1.0)
    assert one.strength == -other.strength == 1.0
    assert json.loads(one.rationale)["spread"] == json.loads(other.rationale)["spread"] == 0.5
    assert scored(question, np.array([0.5, -0.5]), 9).label == Label.TIE


def test_fingerprint_covers_what_changes_an_answer_and_nothing_else():
    same = [HEAD.model_copy(update=u) for u in ({"name": "x"}, {"max_pairs": 900}, {"gold": GoldOptions(audit=0.1)})]
    assert {h.fingerprint() for h in same} == {HEAD.fingerprint()}
    changes = (
        {"members": 4},
        {"folds": 4},
        {"learn_from": "people"},
        {"generation": 2},
        {"embed": EmbedOptions(model="m")},
        {"gold": GoldOptions(annotators=("person:*",))},
    )
    others = [HEAD.model_copy(update=u).fingerprint() for u in changes]
    assert len({HEAD.fingerprint(), *others}) == 7


def test_scores_that_were_learned_before_somebody_was_gold_are_made_anew(store):
    """They may rest on labels that are audit's by now: under the new settings none of them is an answer."""
    answers = [answer for answer, _ in learned(store)[2].values()]
    named = HEAD.bound(EMBED, GoldOptions(annotators=("person:data/ann",)))
    before, now = (set(annotation_rows(head, answers)["annotation_id"].to_pylist()) for head in (HEAD, named))
    assert len(before) == 120 and not before & now


def test_heads_survive_the_artefact(store):
    _, artefact, _ = learned(store)
    heads = read_heads(artefact)
    assert heads.folds == 5
    assert heads.seed == 7
    assert set(heads.by_fold) == set(range(5))
    assert all(found.members.shape == (3, 12) for found in heads.by_fold.values())
    assert fold_of("x", heads.folds, heads.seed) in heads.by_fold
