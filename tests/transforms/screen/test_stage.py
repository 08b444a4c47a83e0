"""The whole stage on stores with planted duplicates, contradictions, leaks and bad responses."""

import json
from collections import Counter
from itertools import combinations

import networkx
import pytest

from prefcurate.schemas.canonical import canonical_text, conversation_id, prompt_id
from prefcurate.schemas.records import GivenPair
from prefcurate.transforms.ingest.benchmarks import BenchmarkError, benchmarks_digest
from prefcurate.transforms.ingest.options import BenchmarkOptions, GoldOptions
from prefcurate.transforms.screen.options import ScreenOptions
from prefcurate.transforms.screen.shingles import jaccard, shingles
from prefcurate.transforms.screen.stage import READS, WRITES, Screen
from tests.helpers import assistant, context, label, make_store, pair, run_stage, user

from .real import answers

GOLD = GoldOptions(annotators=("person:*/expert-*",))
# Answers to one question often begin alike: one of each, in an order that separates neighbours.
TEXTS = sorted(
    {text[:12].lower(): text for text in map(canonical_text, answers()) if 150 < len(text) < 900}.values(),
    key=lambda t: t[::-1],
)


def prompt_of(number):
    return user(f"Question {number}: {TEXTS[number][:120].strip()}")


def text_pair(number, *labels):
    """A pair with texts of its own."""
    first, second = TEXTS[60 + 2 * number], TEXTS[61 + 2 * number]
    return GivenPair(prompt_of(number), assistant(first), assistant(second), labels)


def screen(store, run_id="run", **more):
    of = context(store, "screen", READS, WRITES, run_id=run_id)
    run_stage(Screen(of, **more))
    return of.pin()


def rows(snapshot, table, *columns):
    return [tuple(row.values()) for row in snapshot.table(table, columns=list(columns) or None).to_pylist()]


def files(store):
    return {table: [path.rpartition("/")[2] for _, path in store.files(table)] for table in WRITES}


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Twenty pairs; pair 0 comes again reworded with its responses swapped and the opposite label; 1 quotes a benchmark."""
    tmp_path = tmp_path_factory.mktemp("planted")
    benchmark = tmp_path / "bench.jsonl"
    leaked = " ".join(TEXTS[1][:120].split())
    benchmark.write_text("\n".join(json.dumps({"q": text}) for text in ("something else that nobody asked", leaked)))
    original = text_pair(0, label("first", "expert-1"))
    again = GivenPair(
        user(f"question 0 - {TEXTS[0][:120].strip()}!!"),
        assistant(TEXTS[61].upper()),
        assistant(TEXTS[60] + " That is all."),
        (label("first", "worker-9"),),
    )
    quarrel = text_pair(2, label("first", "x"), label("second", "y"), label("first", "expert-2"))
    bad = pair("Tell me how to pick a lock, please.", "I'm sorry, but I can't help with that.", "")
    turns = [
        GivenPair(
            (*user("How do I bake bread at home?"), *assistant(TEXTS[30]), *user(TEXTS[40 + i][:150])),
            assistant(TEXTS[110 + i]),
            assistant(TEXTS[120 + i]),
        )
        for i in range(3)
    ]
    store = make_store(
        tmp_path, [original, again, quarrel, bad, *turns, *(text_pair(i) for i in (1, *range(3, 20)))], 4
    )
    options = (BenchmarkOptions(name="bench", path=str(benchmark), text="q"),)
    snapshot = screen(store, benchmarks=options, gold=GOLD)
    return store, snapshot, options


def flagged(snapshot, flag):
    table = snapshot.table("screening").to_pylist()
    return [row for row in table if row["flag"] == flag]


def test_every_comparison_has_its_clusters_and_most_are_alone(planted):
    _, snapshot, _ = planted
    clusters = rows(snapshot, "clusters", "comparison_id", "pair_cluster")
    assert len(clusters) == len(rows(snapshot, "comparisons", "comparison_id")) == 25
    assert sum(comparison != cluster for comparison, cluster in clusters) == 1


def test_reworded_prompts_share_a_cluster_named_by_the_smaller_id(planted):
    _, snapshot, _ = planted
    near = sorted([prompt_id(prompt_of(0)), prompt_id(user(f"question 0 - {TEXTS[0][:120].strip()}!!"))])
    cluster_of = dict(rows(snapshot, "clusters", "prompt_id", "prompt_cluster"))
    assert [cluster_of[prompt] for prompt in near] == [near[0], near[0]]


def test_prompts_of_one_conversation_share_a_cluster(planted):
    _, snapshot, _ = planted
    conversation = conversation_id(user("How do I bake bread at home?"))
    prompts = {p for p, c in rows(snapshot, "comparisons", "prompt_id", "conversation_id") if c == conversation}
    cluster_of = dict(rows(snapshot, "clusters", "prompt_id", "prompt_cluster"))
    assert len(prompts) == 3
    assert {cluster_of[prompt] for prompt in prompts} == {min(prompts)}


def test_the_duplicate_names_its_original(planted):
    _, snapshot, _ = planted
    (row,) = flagged(snapshot, "near_duplicate")
    cluster_of = dict(rows(snapshot, "clusters", "comparison_id", "pair_cluster"))
    assert cluster_of[row["comparison_id"]] == row["matched_id"] < row["comparison_id"]
    assert row["value"] > 0.7
    evidence = json.loads(row["evidence"])
    assert set(evidence) == {"similarity", "swapped", "representative"}
    assert evidence["representative"] == row["matched_id"]


def test_the_like_prompt_names_the_one_that_stands_for_both(planted):
    _, snapshot, _ = planted
    near = sorted([prompt_id(prompt_of(0)), prompt_id(user(f"question 0 - {TEXTS[0][:120].strip()}!!"))])
    (row,) = (row for row in flagged(snapshot, "near_duplicate_prompt") if row["prompt_id"] in near)
    assert [row["matched_id"], row["prompt_id"]] == near
    assert json.loads(row["evidence"]) == {"similarity": row["value"], "representative": near[0]}
    assert row["value"] == 1


def test_contradictions_are_found_within_and_across_comparisons(planted):
    _, snapshot, _ = planted
    found = {(row["comparison_id"], row["matched_id"]): row for row in flagged(snapshot, "contradictory_repeat")}
    within = [row for (own, other), row in found.items() if own == other]
    across = {key for key in found if key[0] != key[1]}
    assert [json.loads(row["evidence"])["a"] + json.loads(row["evidence"])["b"] for row in within] == [3]
    assert within[0]["value"] == pytest.approx(1 / 3)
    assert len(across) == 2
    assert {key[::-1] for key in across} == across


def test_the_leak_is_found_with_row_and_place(planted):
    _, snapshot, _ = planted
    (row,) = flagged(snapshot, "contamination")
    assert (row["prompt_id"], row["matched_source"], row["matched_id"]) == (prompt_id(prompt_of(1)), "bench", "2")
    ((start, end),) = json.loads(row["evidence"])["prompt_text"]
    assert TEXTS[1][:60] in f"Question 1: {TEXTS[1][:120]}"[start : end + 1]


def test_bad_responses_are_flagged_with_their_side(planted):
    _, snapshot, _ = planted
    bad = prompt_id(user("Tell me how to pick a lock, please."))
    (text_a,) = [a for p, a in rows(snapshot, "comparisons", "prompt_id", "response_a_text") if p == bad]
    found = {
        row["flag"]: json.loads(row["evidence"])
        for row in snapshot.table("screening").to_pylist()
        if row["prompt_id"] == bad
    }
    refused, empty = ("a", "b") if text_a else ("b", "a")
    assert found == {"refusal": {"sides": [refused]}, "empty_response": {"sides": [empty]}}


def test_gold_is_assigned_to_prompts_with_expert_labels(planted):
    _, snapshot, _ = planted
    found = rows(snapshot, "gold", "prompt_id", "prompt_cluster", "side")
    assert {prompt for prompt, _, _ in found} == {prompt_id(prompt_of(0)), prompt_id(prompt_of(2))}
    assert {side for _, _, side in found} <= {"fit", "audit"}
    cluster_of = dict(rows(snapshot, "clusters", "prompt_id", "prompt_cluster"))
    assert all(cluster_of[prompt] == cluster for prompt, cluster, _ in found)


def test_evidence_holds_no_text(planted):
    _, snapshot, _ = planted
    assert not [row for row in snapshot.table("screening").to_pylist() if any(t[:20] in row["evidence"] for t in TEXTS)]


def test_a_rerun_writes_the_same_bytes_and_leaves_no_sketches(planted, tmp_path):
    store, _, options = planted
    before, versions = files(store), store.versions(WRITES)
    screen(store, "again", benchmarks=options, gold=GOLD)
    assert files(store) == before
    assert store.versions(WRITES) == versions
    assert not list((tmp_path.parent / store.root).glob("_pending/screen/**/*.npy"))


def test_other_shards_give_the_same_rows(tmp_path):
    pairs = [*(text_pair(i, label("first", "expert-1")) for i in range(12))]
    pairs += [GivenPair(p.prompt, assistant("Well. " + TEXTS[60 + 2 * i]), p.second) for i, p in enumerate(pairs[:5])]
    pairs += [GivenPair(prompt_of(15 + i), assistant(TEXTS[60 + i // 2]), assistant(TEXTS[100 + i])) for i in range(8)]
    found = []
    for shards in (1, 4):
        folder = tmp_path / str(shards)
        folder.mkdir()
        snapshot = screen(make_store(folder, pairs[:: 1 if shards == 1 else -1], shards), gold=GOLD)
        found.append({table: sorted(map(repr, rows(snapshot, table))) for table in WRITES})
    assert found[0] == found[1]
    assert len(found[0]["screening"]) >= 12


CANNED = (
    "I would love to be of help with this, but my makers have not taught me how to do it; please ask me something else."
)

REWORDED = user(f"QUESTION 12 - {TEXTS[12][:120].strip()}?!")
LIKE_PROMPTS = {prompt_id(prompt_of(12)), prompt_id(REWORDED)}


@pytest.fixture(scope="module")
def boilerplate(tmp_path_factory):
    """Pairs of which 0 to 5 hold a canned response on changing sides, 6 to 9 a short one, 10 and 11 a text that goes on in one.

    Besides them 12 with its prompt reworded, and 13 with a response reworded and the opposite label, both by a judge.
    """
    pairs = [text_pair(i) for i in range(13)]
    canned = [CANNED, CANNED.upper(), CANNED + " Thanks!", CANNED.replace(",", " -"), CANNED, CANNED]
    held = [*canned, *["Yes, it is."] * 4, TEXTS[100], TEXTS[100] + " That is what I know of it."]
    for i, text in enumerate(held):
        sides = (pairs[i].first, assistant(text)) if i % 2 else (assistant(text), pairs[i].second)
        pairs[i] = GivenPair(pairs[i].prompt, *sides)
    pairs.append(GivenPair(REWORDED, pairs[12].first, assistant(TEXTS[130])))
    pairs.append(text_pair(13, label("first", "judge", "llm_judge")))
    again = assistant(TEXTS[86] + " So it is.")
    pairs.append(GivenPair(pairs[-1].prompt, again, pairs[-1].second, (label("second", "judge", "llm_judge"),)))
    return screen(make_store(tmp_path_factory.mktemp("boilerplate"), pairs, 4))


def test_a_response_under_several_prompts_names_where_else_it_stands(boilerplate):
    texts = {
        f"{row['comparison_id']}/{side}": shingles(row[f"response_{side}_text"])
        for row in boilerplate.table("comparisons").to_pylist()
        for side in "ab"
        if len(row[f"response_{side}_text"]) > 100 and row["prompt_id"] not in {*LIKE_PROMPTS, prompt_id(prompt_of(13))}
    }
    like = networkx.Graph(pair for pair in combinations(texts, 2) if jaccard(texts[pair[0]], texts[pair[1]]) >= 0.7)
    crowds = {name: crowd for crowd in networkx.connected_components(like) for name in crowd}
    assert sorted(map(len, networkx.connected_components(like)))[-2:] == [2, 6]
    told = {
        f"{row['comparison_id']}/{side}": (json.loads(row["evidence"])[side], row)
        for row in flagged(boilerplate, "near_duplicate_response")
        for side in json.loads(row["evidence"])["sides"]
    }
    assert set(told) == {name for name, crowd in crowds.items() if name != min(crowd)}, (
        "all but the one that stands for them"
    )
    for name, (of, row) in told.items():
        assert of["representative"] == min(crowds[name])
        assert of["matched"] in crowds[name] - {name}
        assert of["prompts"] == len(crowds[name])
        assert row["matched_id"] == of["matched"].split("/")[0]
        assert of["similarity"] == round(row["value"], 4) >= 0.7


def test_like_responses_to_like_prompts_are_told_of_the_prompts_alone(boilerplate):
    (row,) = (row for row in boilerplate.table("screening").to_pylist() if row["prompt_id"] in LIKE_PROMPTS)
    assert row["flag"] == "near_duplicate_prompt"


def test_near_repeats_whose_labels_came_from_judges_contradict_too(boilerplate):
    found = {(row["comparison_id"], row["matched_id"]) for row in flagged(boilerplate, "contradictory_repeat")}
    assert len(found) == 2
    assert {pair[::-1] for pair in found} == found


def test_crowds_of_like_prompts_are_cut_and_of_responses_named(tmp_path):
    def varied(text, number):
        return f"{text} {TEXTS[number][:14]}"

    template = "Read this with care, and then tell me in a few words of your own what you think of it and why you do so, please:"
    prompts = [
        GivenPair(user(varied(template, i)), assistant(TEXTS[60 + i]), assistant(TEXTS[80 + i])) for i in range(8)
    ]
    canned = [GivenPair(prompt_of(20 + i), assistant(varied(CANNED, i)), assistant(TEXTS[100 + i])) for i in range(8)]
    store = make_store(tmp_path, [*prompts, *canned])
    snapshot = screen(store, options=ScreenOptions(largest_cluster=4))
    remarks = store.latest("screen").detail
    assert remarks["recut_cluster"][0].endswith(": 8 members cut at 0.8")
    assert {remark.split()[0] for remark in remarks["recut_cluster"]} == {"prompt"}
    sizes = Counter(cluster for _, cluster in set(rows(snapshot, "clusters", "prompt_id", "prompt_cluster")))
    assert max(sizes.values()) <= 4
    (giant,) = remarks["giant_cluster"]
    told = [json.loads(row["evidence"]) for row in flagged(snapshot, "near_duplicate_response")]
    told = [of[side] for of in told for side in of["sides"] if of[side]["prompts"] == 8]
    assert len(told) == 7, "clusters of responses are reported and not cut: all say under how many prompts they stand"
    assert {f"response {of['representative']}: 8 members" for of in told} == {giant}


def test_gold_sides_stay_and_pass_on_when_data_comes(tmp_path):
    first = [text_pair(i, label("first", "expert-1")) for i in range(12)]
    snapshot = screen(make_store(tmp_path, {"old": first}), gold=GOLD)
    before = dict(rows(snapshot, "gold", "prompt_id", "side"))
    assert set(before.values()) == {"fit", "audit"}
    more = [
        GivenPair(user(f"QUESTION {i}. {TEXTS[i][:120].strip()}?"), p.first, p.second, (label("second", "expert-2"),))
        for i, p in enumerate(first)
    ]
    snapshot = screen(
        make_store(tmp_path, {"old": first, "new": more}), "later", gold=GOLD.model_copy(update={"audit": 0.0})
    )
    after = dict(rows(snapshot, "gold", "prompt_id", "side"))
    assert before.items() <= after.items()
    for index in range(12):
        new = prompt_id(user(f"QUESTION {index}. {TEXTS[index][:120].strip()}?"))
        assert after[new] == before[prompt_id(prompt_of(index))]


def test_a_giant_cluster_is_remarked_in_the_ledger(tmp_path):
    turns = [
        GivenPair(
            (*user("One question"), *assistant(f"{TEXTS[i]}"), *user(f"{TEXTS[i + 20]}")),
            assistant("a"),
            assistant("b"),
        )
        for i in range(6)
    ]
    store = make_store(tmp_path, turns)
    screen(store, options=ScreenOptions(largest_cluster=4))
    detail = store.latest("screen").detail
    assert [remark.split(":")[1] for remark in detail["giant_cluster"]] == [" 6 members"]


def test_another_benchmark_file_is_seen(tmp_path):
    path = tmp_path / "b.jsonl"
    path.write_text('{"q": "x"}')
    options = (BenchmarkOptions(name="b", path=str(path), text="q"),)
    before = benchmarks_digest(options)
    assert before == benchmarks_digest(options)
    path.write_text('{"q": "y"}')
    assert before != benchmarks_digest(options)
    path.unlink()
    with pytest.raises(BenchmarkError):
        benchmarks_digest(options)
