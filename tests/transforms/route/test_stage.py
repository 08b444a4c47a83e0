"""The stage on a store, and the whole way round: queue, people, export, ingest, the same comparison and the right label."""

import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from prefcurate.schemas.formats.label_studio import CHOICES, CONTROL, RATIONALE, LabelStudioReader
from prefcurate.transforms.consensus.consensus import READS, WRITES, Consensus
from prefcurate.transforms.consensus.options import ConsensusOptions
from prefcurate.transforms.ingest.options import GoldOptions, SourceOptions
from prefcurate.transforms.route.options import RouteBudget, RouteOptions
from prefcurate.transforms.route.route import READS as ROUTE_READS
from prefcurate.transforms.route.route import WRITES as ROUTE_WRITES
from prefcurate.transforms.route.route import Route
from prefcurate.transforms.route.tasks import labelling_config, task
from prefcurate.transforms.store.store import Store
from tests.helpers import context, ingest, label, make_store, pair, run_stage, source

TRICKY = "<b>bold</b> & \u2028 \"quoted\" 'x' \U0001f600 $prompt {x}"


def doubtful(n=40):
    """Pairs on which two people disagree (even) or agree (odd); several pairs of the same prompt."""
    made = []
    for i in range(n):
        second = label("second" if i % 2 == 0 else "first", "q")
        made.append(pair(f"prompt {i // 4}", f"good {i} {TRICKY}", f"bad {i}", label("first", "p"), second))
    return made


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    """A store of the doubtful pairs with their consensus; tests copy it."""
    folder = tmp_path_factory.mktemp("decided")
    decide(make_store(folder, doubtful()))
    return folder


@pytest.fixture
def store(decided, tmp_path):
    shutil.copytree(decided, tmp_path, dirs_exist_ok=True)
    return Store.open(str(tmp_path / "store"))


def decide(store, **more):
    told = context(store, "consensus", READS, WRITES)
    run_stage(Consensus(told, ConsensusOptions(), GoldOptions(), can_ask=True, **more))


def route(store, options):
    run_stage(Route(context(store, "route", ROUTE_READS, ROUTE_WRITES), options, GoldOptions()))
    return {row["comparison_id"]: row for row in store.dataset("routes").to_table().to_pylist()}


def queue(store, name="person"):
    with open(f"{store.root}/queues/{name}.json", encoding="utf-8") as stream:
        return json.load(stream)


ITEMS = RouteOptions(budget=RouteBudget(items=10))


def test_the_budget_goes_where_people_disagree(store):
    found = route(store, ITEMS)
    assert len(found) == 40
    asked = [row for row in found.values() if row["queue"] == "person"]
    assert len(asked) == 10
    best = [row for row in asked if row["inclusion_p"] == 1.0]
    assert len(best) == 9 and all(row["expected_gain"] > 0.2 for row in best)
    assert all(row["reason"] for row in found.values())
    assert {row["queue"] for row in found.values()} == {"person", "nobody"}
    (drawn,) = [row for row in asked if row["inclusion_p"] < 1]
    assert drawn["inclusion_p"] == pytest.approx(1 / 40)


def test_without_a_budget_nobody_is_asked(store):
    assert {row["queue"] for row in route(store, RouteOptions()).values()} == {"nobody"}
    assert queue(store) == []


def test_judges_are_asked_where_they_gain_more_per_dollar_and_have_not_answered(tmp_path):
    pairs = doubtful(20)
    pairs[0] = pair("prompt 0", f"good 0 {TRICKY}", "bad 0", *pairs[0].labels, label("first", "cheap", "llm_judge"))
    store = make_store(tmp_path, pairs)
    options = RouteOptions(budget=RouteBudget(usd=5.0), judges=("llm_judge:data/cheap",))
    decide(store)
    found = route(store, options)
    answered = store.dataset("annotations").to_table().to_pylist()
    (known,) = {row["comparison_id"] for row in answered if row["kind"] == "llm_judge"}
    assert sum(row["price_usd"] or 0 for row in found.values()) <= 5.0
    assert sum(row["queue"] == "judge" for row in found.values()) >= 8
    assert found[known]["queue"] != "judge", "not by lottery either: it has answered"


def test_an_overridden_pair_is_not_asked(tmp_path):
    store = make_store(tmp_path, doubtful(4))
    ids = sorted(row["comparison_id"] for row in store.dataset("comparisons").to_table().to_pylist())
    path = tmp_path / "overrides.csv"
    path.write_text("comparison_id,label,who,why\n" + "".join(f"{i},a,Ann,sure\n" for i in ids))
    decide(store, overrides=str(path))
    found = route(store, ITEMS)
    assert {row["reason"] for row in found.values()} == {"a person's override decides it"}


def test_the_number_of_shards_changes_no_byte_of_a_queue(store, tmp_path):
    (tmp_path / "one").mkdir()
    one = make_store(tmp_path / "one", doubtful(), shards=1)
    decide(one)
    content = []
    for found in (store, one):
        route(found, ITEMS)
        content.append(Path(found.root, "queues", "person.json").read_bytes())
    assert content[0] == content[1]


def test_the_order_is_drawn_for_each_comparison_not_for_its_prompt(store):
    comparisons = store.dataset("comparisons").to_table().to_pylist()
    shown: dict[str, set[str]] = {}
    orders = []
    for row in comparisons:
        data = task(row, 7, "route", 1.0, 1)["data"]
        first = row["response_a_text"] if data["order_shown"] == "ab" else row["response_b_text"]
        assert data["first"] == first
        shown.setdefault(row["prompt_id"], set()).add(data["order_shown"])
        orders.append(data["order_shown"])
    assert 0.3 < orders.count("ab") / 40 < 0.7
    assert any(len(found) == 2 for found in shown.values())


def test_the_labelling_configuration_names_what_tasks_hold_and_the_reader_reads():
    config = ET.fromstring(labelling_config())  # noqa: S314 our own text
    shown = [tag.get("value") for tag in config.iter("Text")]
    assert shown == ["$prompt", "$first", "$second"]
    (choices,) = config.iter("Choices")
    assert choices.get("name") == CONTROL and choices.get("required") == "true"
    assert [choice.get("alias") for choice in choices] == list(CHOICES)
    assert next(config.iter("TextArea")).get("name") == RATIONALE
    assert {choices.get("toName")} <= {tag.get("name") for tag in config.iter("Text")}


def answered(tasks, choose):
    """What Label Studio exports when one person has answered every task: https://labelstud.io/guide/task_format."""
    export = []
    for number, imported in enumerate(tasks, 1):
        value = {"choices": [choose(imported["data"])]}
        result = [
            {
                "id": "x",
                "from_name": CONTROL,
                "to_name": "prompt",
                "type": "choices",
                "origin": "manual",
                "value": value,
            }
        ]
        done = {
            "id": number,
            "completed_by": 5,
            "was_cancelled": False,
            "ground_truth": False,
            "lead_time": 3.2,
            "result": result,
        }
        export.append({"id": number, "project": 1, "data": imported["data"], "annotations": [done], "predictions": []})
    return export


def test_the_whole_way_round(store, tmp_path):
    pairs = doubtful()
    before = {row["comparison_id"] for row in store.dataset("comparisons").to_table().to_pylist()}
    route(store, ITEMS)
    tasks = queue(store)
    assert len(tasks) == 10 and {t["data"]["order_shown"] for t in tasks} == {"ab", "ba"}
    export = tmp_path / "export.json"
    export.write_text(json.dumps(answered(tasks, lambda d: "first" if d["first"].startswith("good") else "second")))
    team = SourceOptions(name="team", path=str(export), reader=LabelStudioReader())
    store = ingest(tmp_path / "store", [source(tmp_path, "data", pairs), team])
    comparisons = {row["comparison_id"]: row for row in store.dataset("comparisons").to_table().to_pylist()}
    assert set(comparisons) == before
    new = [a for a in store.dataset("annotations").to_table().to_pylist() if a["annotator"] == "person:team/5"]
    assert {a["comparison_id"] for a in new} == {t["data"]["comparison_id"] for t in tasks}
    for a in new:
        good = "a" if comparisons[a["comparison_id"]]["response_a_text"].startswith("good") else "b"
        assert a["label"] == good
        assert a["asked_by"] == "route:value-of-information"
    shown = {t["data"]["comparison_id"]: t["data"] for t in tasks}
    assert all(a["order_shown"] == shown[a["comparison_id"]]["order_shown"] for a in new)
    assert all(a["inclusion_p"] == shown[a["comparison_id"]]["inclusion_p"] for a in new)
    decide(store)
    found = route(store, ITEMS)
    drawn = {c for c, data in shown.items() if data["inclusion_p"] < 1}
    drawn_now = {c for c, row in found.items() if row["queue"] == "person" and row["inclusion_p"] < 1}
    assert len(drawn_now) == len(drawn) == 1 and not drawn_now & drawn
    assert [found[c]["inclusion_p"] for c in drawn_now] == [pytest.approx(1 / 39)]
    assert all(found[c]["expected_gain"] is None or found[c]["expected_gain"] < 0.2 for c in set(shown) - drawn)
