"""The stage on a store: gold, overrides, reruns, order of sources, and who may not vote."""

import json

import numpy as np
import pyarrow as pa
import pytest

from prefcurate.schemas.canonical import unit_interval
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.annotate.annotator import annotation_rows
from prefcurate.transforms.annotate.checks import Checks
from prefcurate.transforms.consensus.consensus import READS, WRITES, Consensus, fit_parts
from prefcurate.transforms.consensus.decide import Rules
from prefcurate.transforms.consensus.fit import fit_label_model
from prefcurate.transforms.consensus.options import ConsensusOptions
from prefcurate.transforms.consensus.overrides import read_overrides
from prefcurate.transforms.consensus.rows import consensus_rows
from prefcurate.transforms.consensus.shard import ShardVotes, read_shard, write_votes
from prefcurate.transforms.consensus.votes import votes_of
from prefcurate.transforms.describe.describe import READS as DESCRIBE_READS
from prefcurate.transforms.describe.describe import WRITES as DESCRIBE_WRITES
from prefcurate.transforms.describe.describe import Describe
from prefcurate.transforms.describe.options import DescribeOptions
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.publish.fates import FATES
from prefcurate.transforms.publish.rows import settled
from prefcurate.transforms.publish.settle import DUPLICATES
from prefcurate.transforms.steps.units import shard_units
from prefcurate.transforms.store.parts import write_part
from tests import helpers
from tests.helpers import context, label, pair, run_stage
from tests.transforms.consensus.planted import Planted

GOLD = GoldOptions(annotators=("person:experts/*",))


def make_store(folder, sources, **more):
    folder.mkdir(exist_ok=True)
    return helpers.make_store(folder, sources, **more)


def assign_gold(store, side):
    """Commits the fact table `gold` as the screen stage does; `side` maps a prompt id to fit or audit."""
    for shard in range(store.shards):
        rows = store.dataset("comparisons", None, shard).to_table(columns=["prompt_id"]).to_pylist()
        prompts = sorted({row["prompt_id"] for row in rows})
        told = [{"prompt_id": p, "prompt_cluster": p, "side": side(p)} for p in prompts]
        part = write_part(store.root, "gold", shard, [pa.Table.from_pylist(told, schema=TABLES["gold"].schema)])
        if part:
            store.commit(
                "gold", [part], base=store.delta("gold").version(), replace=False, transaction=f"g{shard}", metadata={}
            )


def stage(store, options=None, gold=GOLD, **more):
    return Consensus(context(store, "consensus", READS, WRITES), options or ConsensusOptions(), gold, **more)


def decide(store, **more):
    """The rows that the stage would commit, without its graph: the same functions in the same order."""
    told = stage(store, **more)
    snapshot, seed = told.context.pin(), told.context.seed
    units = list(shard_units(snapshot))
    model = fit_parts(
        [write_votes(unit, "consensus", told.gold, seed, told.options.gated) for unit in units], told.options
    )
    rules = Rules(told.options.rules(), told.options.min_accuracy, model.strata, told.can_ask)
    words = read_overrides(told.overrides) if told.overrides else {}
    shards = [read_shard(snapshot, unit.shard, told.gold, seed, told.options.gated) for unit in units]
    found = [row for shard in shards for row in consensus_rows(shard, model, rules, words).to_pylist()]
    return {row["comparison_id"]: row for row in found}


def rows(store, table):
    found = store.dataset(table).to_table().to_pylist()
    return {row["comparison_id" if table == "consensus" else "annotator"]: row for row in found}


def crowd(n=120, flipped=0.2, gold=80):
    """Four steady judges, one label that came of which a fifth was turned round, and experts on some."""
    came, experts = [], []
    for i in range(n):
        texts = (f"prompt {i}", f"good answer {i}", f"bad answer {i}")
        said = "second" if unit_interval(1, str(i), "flip") < flipped else "first"
        judges = [
            label("first" if unit_interval(2, f"{i}{j}", "judge") < 0.85 else "second", f"judge{j}", "llm_judge")
            for j in range(4)
        ]
        came.append(pair(*texts, label(said, "worker"), *judges))
        if i < gold:
            experts.append(pair(*texts, label("first", f"expert-{i % 3}")))
    return {"votes": came, "experts": experts}


def good_one(store):
    """By comparison: which stored response is the good one."""
    found = store.dataset("comparisons").to_table(columns=["comparison_id", "response_a_text"]).to_pylist()
    return {row["comparison_id"]: "a" if row["response_a_text"].startswith("good") else "b" for row in found}


def test_planted_flips_are_found_on_evidence_from_gold(tmp_path):
    store = make_store(tmp_path, crowd(300, gold=220))
    assign_gold(store, lambda prompt: "fit" if unit_interval(3, prompt, "side") < 0.7 else "audit")
    made, truth = decide(store), good_one(store)
    published = {c: row for c, row in made.items() if row["weight"] is not None}
    before = sum(row["label_in"] == truth[c] for c, row in made.items()) / len(made)
    after = sum(row["label"] == truth[c] for c, row in published.items()) / len(published)
    assert len(published) > 0.85 * len(made)
    assert after > 0.95 > 0.9 > before
    flips = [row for row in made.values() if row["decision"] == "flip"]
    assert flips and all(truth[row["comparison_id"]] == row["label"] for row in flips)
    assert all("the label that came says" in row["reason"] for row in flips)


def test_gold_of_side_audit_never_votes_and_never_reaches_label_in(tmp_path):
    store = make_store(tmp_path, crowd())
    assign_gold(store, lambda prompt: "audit")
    hidden = decide(store)
    annotations = store.dataset("annotations").to_table(columns=["annotation_id", "annotator"]).to_pylist()
    experts = {a["annotation_id"] for a in annotations if "experts" in a["annotator"]}
    assert experts and not any(experts & set(row["evidence"]) for row in hidden.values())
    without = make_store(tmp_path / "without", {"votes": crowd()["votes"]})
    assert decide(without) == hidden


def test_audit_gold_turned_round_changes_no_decision(tmp_path):
    def build(where, verdict):
        sources = crowd(60)
        sources["experts"] = [
            pair(f"prompt {i}", f"good answer {i}", f"bad answer {i}", label(verdict, "expert-1")) for i in range(40)
        ]
        store = make_store(tmp_path / where, sources)
        assign_gold(store, lambda prompt: "audit")
        return decide(store)

    assert build("right", "first") == build("wrong", "second")


def test_the_graph_commits_the_same_bytes_whatever_the_order_of_sources_and_a_rerun_none(tmp_path):
    sources = crowd(60, gold=30)
    one = make_store(tmp_path / "one", sources)
    other = make_store(tmp_path / "other", dict(reversed([(k, v[::-1]) for k, v in sources.items()])))
    found = []
    for store in (one, other):
        assign_gold(store, lambda prompt: "fit")
        run_stage(stage(store))
        found.append([path.rsplit("/", 1)[1] for table in WRITES for _, path in store.files(table)])
    assert found[0] == found[1]
    assert rows(one, "consensus") == decide(one)
    version = one.versions(WRITES)
    run_stage(stage(one))
    assert one.versions(WRITES) == version
    assert not (tmp_path / "one" / "store" / "_pending" / "consensus").exists()
    figures_are_there(tmp_path / "one" / "store", rows(one, "annotators"))


def figures_are_there(root, found):
    judge = found["llm_judge:votes/judge0"]
    assert judge["n"] == 60 and judge["n_gold"] == 30
    assert judge["accuracy_low"] < judge["accuracy"] < judge["accuracy_high"]
    assert found["person:experts/expert-0"]["status"] == "gold"
    (document,) = (root / "_artefacts").glob("label-model-*.json")
    assert json.loads(document.read_text())["version"] == 2


def test_number_of_shards_changes_no_probability(tmp_path):
    one, four = (make_store(tmp_path / str(n), crowd(60, gold=0), shards=n) for n in (1, 4))
    assert decide(one) == decide(four)


def test_an_override_is_shown_as_such(tmp_path):
    store = make_store(tmp_path, crowd(10, gold=0))
    chosen, dropped = sorted(good_one(store))[:2]
    path = tmp_path / "overrides.csv"
    path.write_text(f"comparison_id,label,who,why\n{chosen},b,Ann,read it\n{dropped},drop,Bob,spam\n")
    made = decide(store, overrides=str(path))
    assert (made[chosen]["label"], made[chosen]["reason"]) == ("b", "override by Ann: read it")
    assert (made[dropped]["decision"], made[dropped]["weight"]) == ("drop", None)


def test_every_comparison_has_a_row_and_silence_is_named(tmp_path):
    mute = pair("p", "x", "y")
    unread = pair("q", "x", "y", label(None, "judge", "llm_judge", parse_status="unparsed"), label("unratable"))
    store = make_store(tmp_path, [mute, unread])
    made = decide(store)
    assert len(made) == 2
    assert {row["reason"] for row in made.values()} == {"nobody has given an opinion"}
    assert all(row["label_in"] is None and row["evidence"] == [] and row["decision"] == "drop" for row in made.values())


def test_a_check_that_both_responses_pass_is_no_vote_for_a_tie(tmp_path):
    checks = Checks(name="c", kind="checks")
    asked = "Describe hail in at most 3 words."
    pairs = [pair(asked, "Ice falls", "Ice drops"), pair(asked, "Ice falls", "It is ice that falls from the sky")]
    store = make_store(tmp_path, pairs, shards=1)
    reads = ("comparisons", "materials", "annotations", "occurrences", "gold")
    before = context(store, "annotate", reads, ()).pin()
    answers = list(checks.answer(before, 0, list(checks.questions(before, 0)), None))
    assert sorted(answer.label for answer in answers if answer.p_a == 0.5) == ["unratable"] and len(answers) == 2
    part = write_part(store.root, "annotations", 0, [annotation_rows(checks, answers)])
    base = store.delta("annotations").version()
    store.commit("annotations", [part], base=base, replace=False, transaction="t", metadata={})
    found = read_shard(context(store, "consensus", READS, (), [checks.fingerprint()]).pin(), 0, GOLD, 7)
    (vote,) = found.votes.to_pylist()
    decided = next(a for a in answers if a.label != "unratable")
    assert vote["label"] == {"a": 1, "b": -1}[decided.label]
    assert found.comparison_ids[vote["pair"]] == decided.question.comparison_id


def test_labels_that_came_are_the_peoples_majority_and_none_on_a_draw(tmp_path):
    judges = [label("second", f"j{i}", "llm_judge") for i in range(3)]
    store = make_store(
        tmp_path,
        [
            pair("1", "good x", "bad", label("first", "p"), label("first", "q"), label("second", "r"), *judges),
            pair("2", "good x", "bad", label("first", "p"), label("second", "q"), *judges),
            pair("3", "good x", "bad", *judges),
            pair("4", "good x", "bad", label("both_bad", "p")),
        ],
    )
    truth = good_one(store)
    by_prompt = {r["comparison_id"]: r["prompt_text"] for r in store.dataset("comparisons").to_table().to_pylist()}
    found = {by_prompt[c]: (row["label_in"], truth[c]) for c, row in decide(store).items()}
    assert found["1"][0] == found["1"][1]
    assert found["2"][0] is None
    assert found["3"][0] not in (None, found["3"][1])
    assert found["4"][0] == "tie"


def test_the_weight_of_a_ranked_pair_is_its_own_since_the_release_shares_out_what_a_prompt_weighs():
    votes = Planted(4)
    for place in range(3):
        votes.add(place, "ranker", 1, judgement=5)
    votes.add(3, "other", 1)
    ids = list("wxyz")
    shard = ShardVotes(ids, ids, ["a"] * 4, votes.table(), ids)
    model = fit_label_model(votes.votes(), ConsensusOptions().rules())
    made = consensus_rows(shard, model, Rules(ConsensusOptions().rules(), 0.5, {}, False), {}).to_pylist()
    ranked = pa.Table.from_pylist([fate(row, "ranked") for row in made[:3]] + [fate(made[3], "single")], schema=FATES)
    weights = settled(ranked, DUPLICATES.empty_table(), None)["weight"].to_pylist()
    assert sum(weights[:3]) == pytest.approx(weights[3], rel=0.05)


def fate(row: dict, prompt: str) -> dict:
    return dict.fromkeys(FATES.names) | {
        "comparison_id": row["comparison_id"],
        "prompt_id": prompt,
        "weight": row["weight"],
    }


def test_a_pair_waits_only_where_somebody_may_be_asked(tmp_path):
    store = make_store(tmp_path, [pair("p", "good", "bad", label("first", "p"), label("second", "q"))])
    assert [row["decision"] for row in decide(store).values()] == ["drop"]
    assert [row["decision"] for row in decide(store, can_ask=True).values()] == ["hold"]


def test_min_accuracy_decides_how_much_is_published(tmp_path):
    store = make_store(tmp_path, crowd(40, gold=0))
    counts = []
    for minimum in (0.5, 0.75, 0.95):
        made = decide(store, options=ConsensusOptions(min_accuracy=minimum)).values()
        published = [row for row in made if row["weight"] is not None]
        assert all(row["expected_accuracy"] >= minimum for row in published)
        left = [row for row in made if row["weight"] is None and row["expected_accuracy"] is not None]
        assert all(row["expected_accuracy"] < minimum for row in left)
        counts.append(len(published))
    assert counts[0] == 40 > counts[1] > counts[2]


def test_models_tasks_and_formatting_are_read_from_the_store(tmp_path):
    pairs = [
        pair(
            "Write a poem about rain",
            "- drops\n- **clouds**",
            "rain",
            label("first", "w"),
            model_first="GPT",
            model_second="other",
        ),
        pair("Write a poem about snow", "flakes", "ice", label("first", "w"), model_first="gpt", model_second=None),
        pair("Write a poem about wind", "air", "gale", label("first", "w")),
    ]
    store = make_store(tmp_path, pairs)
    run_stage(Describe(context(store, "describe", DESCRIBE_READS, DESCRIBE_WRITES)))
    described = [DescribeOptions().fingerprint()]
    snapshot = context(store, "consensus", READS, (), described).pin()
    shards = [read_shard(snapshot, unit.shard, GOLD, 7, formatting=True) for unit in shard_units(snapshot)]
    votes = votes_of([shard.votes for shard in shards])
    formatted, plain = votes.sides.format != 0, votes.sides.format == 0
    # Two items and one stretch in bold, against none.
    assert np.abs(votes.sides.format[formatted]).tolist() == [np.log(4.0)]
    told = {0 in pair for pair in zip(votes.sides.model_a[formatted], votes.sides.model_b[formatted], strict=True)}
    assert told == {False}
    assert not votes.sides.model_a[plain].any()
    assert len(set(votes.sides.task.tolist())) == 1 and votes.sides.task.all()
    unread = votes_of([read_shard(snapshot, unit.shard, GOLD, 7).votes for unit in shard_units(snapshot)])
    assert not unread.sides.format.any()


def test_which_model_wrote_a_response_counts_in_the_stage_where_the_policy_says_so(tmp_path):
    pairs = []
    for i in range(120):
        said = "first" if unit_interval(1, str(i), "model") < 0.8 else "second"
        texts = (f"prompt {i}", f"answer {i} of one", f"answer {i} of two")
        pairs.append(pair(*texts, label(said, "judge", "llm_judge"), model_first="one", model_second="two"))
    store = make_store(tmp_path, pairs)
    plain = decide(store, options=ConsensusOptions(policy="borne-out"))
    known = decide(store, options=ConsensusOptions(policy="models"))
    assert any("the models that wrote them favour" in row["reason"] for row in known.values())
    assert not any("the models that wrote them" in row["reason"] for row in plain.values())
    run_stage(stage(store, options=ConsensusOptions(policy="models")))
    committed = rows(store, "consensus")
    assert {c: row["p_a"] for c, row in committed.items()} == {c: row["p_a"] for c, row in known.items()}
