"""The pure functions under the stage, on hand-worked cases: fates, near duplicates, packing, row groups, card."""

import itertools

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from prefcurate.schemas.tables import PREFERENCES
from prefcurate.transforms.publish.card import dataset_card
from prefcurate.transforms.publish.fates import FACTS, FATES, REASONS, fates
from prefcurate.transforms.publish.options import BandOptions
from prefcurate.transforms.publish.rows import WITHHELD, settled
from prefcurate.transforms.publish.seal import name_files
from prefcurate.transforms.publish.settle import CONTENDERS, DUPLICATES, duplicates, pack
from prefcurate.transforms.publish.work import Load, ReleaseFile
from prefcurate.transforms.publish.write import Roll, write_files

FACT = {
    "comparison_id": "c1",
    "prompt_id": "p1",
    "split": "train",
    "group_split": "train",
    "no_prompt": False,
    "empty": False,
    "identical": False,
    "non_text": False,
    "bytes": 100,
    "p_a": 0.75,
    "p_tie": 0.0,
    "label_in": "a",
    "label": "a",
    "decision": "keep",
    "weight": 0.5,
    "why": "w",
    "evidence": 2,
    "people": 0,
    "people_a": 0,
    "people_b": 0,
}
BANDS = BandOptions()
HELD_OUT = {"split": "test", "group_split": "test"}


def fate(bands: BandOptions = BANDS, **changed) -> dict:
    return fates(pa.Table.from_pylist([{**FACT, **changed}], schema=FACTS), bands).to_pylist()[0]


@pytest.mark.parametrize(
    ("changed", "band"),
    [
        ({"p_a": 0.95, "agreement": 1.0}, "easy"),
        ({"p_a": 0.95, "agreement": 0.8}, "medium"),
        ({"p_a": 0.95, "agreement": 0.5}, "hard"),
        # Nobody on this pair named a response: it is known from elsewhere alone.
        ({"p_a": 0.95, "agreement": None}, "hard"),
        ({"p_a": 0.85, "agreement": 1.0}, "medium"),
        ({"p_a": 0.7, "p_tie": 0.1, "agreement": 1.0}, "hard"),
        ({"p_a": 0.1, "label": "b", "agreement": 1.0}, "easy"),
        ({"p_a": 0.1, "agreement": 1.0}, "hard"),
        ({"why": "override: x", "p_a": 0.1}, "easy"),
        ({**HELD_OUT, "people": 5, "people_a": 5}, "easy"),
        ({**HELD_OUT, "people": 5, "people_a": 4, "people_b": 1}, "medium"),
        ({**HELD_OUT, "people": 5, "people_a": 3, "people_b": 2}, "hard"),
        ({"label": None}, None),
    ],
)
def test_a_band_is_of_the_probability_and_of_who_contradicts(changed, band):
    assert fate(**changed)["band"] == band


def test_train_is_made_of_the_bands_that_are_asked_for_and_held_out_pairs_stay():
    easy = BandOptions(easy=0.8, hard=0.7, train=("easy",))
    assert fate(easy, agreement=1.0, p_a=0.85)["reason"] is None
    left_out = fate(easy, agreement=1.0)
    assert (left_out["reason"], left_out["detail"], left_out["band"]) == ("band_left_out", "medium", "medium")
    assert fate(easy, agreement=1.0, **HELD_OUT)["reason"] is None


@pytest.mark.parametrize("wrong", [{"easy": 0.7, "hard": 0.8}, {"train": []}, {"train": ["simple"]}, {"easy": 1.2}])
def test_bands_that_make_no_sense_are_mistakes(wrong):
    with pytest.raises(ValueError, match="hard|train|easy"):
        BandOptions.model_validate(wrong)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"decision": None, "label": None, "why": None, "p_a": None}, "undecided"),
        ({"no_prompt": True}, "empty_prompt"),
        ({"empty": True, "identical": True, "decision": "drop"}, "empty_response"),
        ({"identical": True}, "identical_responses"),
        ({"non_text": True}, "non_text"),
        ({"decision": "drop"}, "dropped"),
        ({"decision": "hold"}, "held"),
        ({"label": "tie"}, "tie"),
        ({"label": "both_bad"}, "tie"),
        ({"label": None}, "tie"),
        ({"group_split": "test", "benchmark": "b"}, "split_conflict"),
        ({"benchmark": "b"}, "contaminated"),
        ({"benchmark": "b", **HELD_OUT}, None),
        ({**HELD_OUT, "people": 2, "people_a": 1, "people_b": 1}, "people_draw"),
        ({**HELD_OUT, "people": 3}, "people_draw"),
        ({**HELD_OUT, "people": 4, "people_a": 1}, "people_draw"),
        ({"people": 2, "people_b": 2}, None),
        # An override needs no consensus to have been sure, and drops what it drops.
        ({"why": "override by eve", "decision": "drop"}, "dropped"),
        ({**HELD_OUT, "people": 2, "people_b": 2, "decision": "drop"}, "dropped"),
    ],
)
def test_the_first_reason_that_holds(changed, reason):
    found = fate(**changed)
    assert found["reason"] == reason
    assert reason is None or reason in REASONS


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, ("a", 0.75, "keep", "consensus")),
        ({"label": "b", "decision": "flip"}, ("b", 0.25, "flip", "consensus")),
        ({"p_a": 0.5, "p_tie": 0.25}, ("a", 0.625, "keep", "consensus")),
        # Consensus said the opposite of most people, who stand in held-out splits, measured against what came in.
        ({**HELD_OUT, "people": 4, "people_b": 3, "people_a": 1}, ("b", 0.75, "flip", "people")),
        ({**HELD_OUT, "people": 4, "people_b": 3, "label_in": "b"}, ("b", 0.875, "keep", "people")),
        ({**HELD_OUT, "people": 1, "people_a": 1, "label_in": None}, ("a", 1.0, "assign", "people")),
        ({**HELD_OUT, "people": 1, "people_a": 1, "label_in": "tie"}, ("a", 1.0, "assign", "people")),
        ({**HELD_OUT, "label": "tie", "people": 1, "people_a": 1}, ("a", 1.0, "keep", "people")),
        ({"people": 4, "people_b": 4}, ("a", 0.75, "keep", "consensus")),
        ({**HELD_OUT, "people": 1, "people_a": 1, "why": "override: x", "label": "b"}, ("b", 1.0, "keep", "override")),
        ({"why": "override: x", "label": "b", "p_a": None}, ("b", 1.0, "keep", "override")),
    ],
)
def test_the_label_and_where_it_is_from(changed, expected):
    found = fate(**changed)
    assert (found["chosen"], found["p_chosen"], found["decision"], found["label_source"]) == expected


def test_of_near_duplicates_the_best_known_stays_then_the_smallest_id():
    rows = [("k1", "c3", 2, False), ("k1", "c1", 1, False), ("k1", "c2", 2, False), ("k2", "c4", 0, False),
            ("k3", "c5", 9, True), ("k3", "c6", 1, False)]  # fmt: skip
    table = pa.Table.from_pylist(
        [
            {"pair_cluster": k, "comparison_id": c, "prompt_id": f"p{c}", "evidence": n, "capped": capped}
            for k, c, n, capped in rows
        ],
        CONTENDERS,
    )
    found = {row["comparison_id"]: row["representative"] for row in duplicates(table).to_pylist()}
    assert found == {"c1": "c2", "c3": "c2", "c5": "c6"}


def judged(*rows: dict) -> pa.Table:
    base = {"split": "train", "evidence": 1, "bytes": 1, "chosen": "a", "p_chosen": 1.0, "decision": "keep"}
    return pa.Table.from_pylist([{**base, "weight": 1.0, **row} for row in rows], schema=FATES)


def test_weights_are_shared_among_those_that_are_published():
    rows = [{"comparison_id": f"c{i}", "prompt_id": "p", "weight": w} for i, w in enumerate([1.0, 0.5, 0.25, 9.0])]
    rows[3]["reason"] = "dropped"
    given_way = pa.Table.from_pylist([{"comparison_id": "c2", "prompt_id": "p", "representative": "x"}], DUPLICATES)
    found = {row["comparison_id"]: row for row in settled(judged(*rows), given_way, None).to_pylist()}
    assert [found[f"c{i}"]["weight"] for i in (0, 1)] == [0.5, 0.25]
    assert (found["c2"]["reason"], found["c2"]["detail"]) == ("duplicate", "x")
    assert found["c3"]["reason"] == "dropped"


def test_consecutive_shards_share_a_file_until_it_is_full():
    loads = [Load(shard, size) for shard, size in enumerate([4, 5, 3, 20, 1, 1])]
    assert list(pack(reversed(loads), limit=10)) == [(0, 1), (2,), (3,), (4, 5)]


@settings(max_examples=60)
@given(st.lists(st.integers(1, 4000), max_size=30), st.integers(1, 6), st.sampled_from([1, 5000, 2**20]))
def test_row_groups_and_files_are_bounded_and_lose_nothing(tmp_path_factory, sizes, cut, file_bytes):
    work = tmp_path_factory.mktemp("work")
    table = withheld(sizes)
    with Roll(str(work), "withheld", 0, group_bytes=3000, file_bytes=file_bytes) as roll:
        for start in range(0, len(table), cut):
            roll.add(table.slice(start, cut))
        files = roll.finish()
    groups = [
        [pq.ParquetFile(f.path).read_row_group(i) for i in range(pq.read_metadata(f.path).num_row_groups)]
        for f in files
    ]
    assert [row for of_file in groups for group in of_file for row in group["detail"].to_pylist()] == table[
        "detail"
    ].to_pylist()
    assert all(group.nbytes <= 3000 or len(group) == 1 for of_file in groups for group in of_file)
    # A file ends with the row group that fills it.
    assert all(sum(group.nbytes for group in of_file[:-1]) < file_bytes for of_file in groups)
    assert [f.rows for f in files] == [sum(map(len, of_file)) for of_file in groups]


def withheld(sizes: list[int]) -> pa.Table:
    rows = [{"comparison_id": f"c{i:04}", "reason": "tie", "detail": chr(97 + i % 26) * n} for i, n in enumerate(sizes)]
    return pa.Table.from_pylist(rows, schema=WITHHELD)


def test_each_folder_has_files_of_its_own_and_one_without_rows_has_none(tmp_path):
    tables = [("withheld", withheld([1, 2])), ("train", PREFERENCES.empty_table()), ("withheld", withheld([3]))]
    (file,) = write_files(str(tmp_path), 4, tables)
    assert (file.folder, file.first_shard, file.roll, file.rows) == ("withheld", 4, 0, 3)
    assert file.tally == (("reason", "tie", 3),)


def test_files_are_numbered_by_shard_whatever_order_they_come_in():
    files = [ReleaseFile("train", s, r, f"{s}{r}", "h", 1, 1, ()) for s, r in [(0, 0), (0, 1), (5, 0)]]
    files += [ReleaseFile("withheld", 0, 0, "w", "h", 1, 1, ())]
    for shuffled in itertools.permutations(files):
        named = [(name, file.path) for name, file in name_files(shuffled)]
        assert named == [
            ("train-00000-of-00003.parquet", "00"),
            ("train-00001-of-00003.parquet", "01"),
            ("train-00002-of-00003.parquet", "50"),
            ("withheld/part-00000-of-00001.parquet", "w"),
        ]


def card(**changed) -> str:
    about = {
        "release": "abc",
        "rows": {"train": 3, "validation": 0, "test": 1},
        "withheld": {"tie": 2},
        "counts": {"licences": {"MIT": 4}, "sources": {"s": 4}},
        "files": [{"folder": "train"}, {"folder": "test"}, {"folder": "exports/trl/train"}],
        "configuration": {"sources": [{"name": "s", "licence": "<img src=x> | evil\n# head"}]},
    }
    return dataset_card({**about, **changed})


def test_the_cards_front_matter_is_what_datasets_reads():
    front = yaml.safe_load(card().split("---")[1])
    assert front["license"] == "mit"
    assert front["configs"] == [
        {
            "config_name": "default",
            "data_files": [{"split": "train", "path": "train-*.parquet"}, {"split": "test", "path": "test-*.parquet"}],
        },
        {"config_name": "trl", "data_files": [{"split": "train", "path": "exports/trl/train-*.parquet"}]},
    ]
    several = yaml.safe_load(card(counts={"licences": {"MIT": 1, "CC": 2}}).split("---")[1])
    assert several["license"] == "other"


def test_the_card_does_not_obey_what_strangers_wrote():
    text = card()
    assert "<img" not in text.replace("\\<img", "")
    assert "\n# head" not in text
    assert "| s | \\<img src=x\\> \\| evil # head | 4 |" in text


def test_the_card_says_whether_there_was_gold():
    assert "No gold was configured" in card()
    told = card(configuration={"gold": {"annotators": ["person:*/expert-*"], "sources": [], "audit": 0.4}})
    assert "person:*/expert-*" in told and "0.4" in told
