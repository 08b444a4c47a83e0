"""The tables that the outside relies on: their names, columns, keys and order."""

import pyarrow as pa
import pytest

from prefcurate.schemas.tables import MESSAGES, PART, PREFERENCES, SCHEMA_VERSION, STRINGS, TABLES, VECTOR

# The contract's list, typed here once more: a column that is renamed must fail.
CONTRACT = {
    "comparisons": "comparison_id prompt_id conversation_id prompt prompt_text response_a response_b response_a_text "
    "response_b_text origin",
    "occurrences": "comparison_id source file line row_hash group_id reversed model_a model_b licence",
    "annotations": "annotation_id comparison_id annotator kind family fingerprint label p_a strength order_shown sample attempt "
    "attribute context principle rubric_id judgement_id rationale raw_output parse_status call_id asked_by inclusion_p",
    "calls": "call_id stage annotator model_returned tokens_in tokens_out price_usd status",
    "ratings": "response_id attribute value scale_min scale_max",
    "spans": "response_id attribute start end text",
    "quarantine": "source file line reason detail raw",
    "embeddings": "text_id prompt_id role fingerprint vector",
    "attributes": "prompt_id name value fingerprint",
    "screening": "comparison_id flag value matched_source matched_id evidence",
    "clusters": "comparison_id prompt_cluster pair_cluster",
    "rubrics": "scope weight parent acceptance",
    "criteria": "weight evidence acceptance",
    "consensus": "comparison_id attribute context p_a p_b p_tie label_in label decision expected_accuracy "
    "expected_accuracy_low weight reason evidence",
    "annotators": "annotator kind family status n accuracy accuracy_low accuracy_high position_bias length_bias flip_rate cost",
    "routes": "comparison_id queue rank expected_gain price_usd reason",
    "splits": "prompt_cluster conversation_id prompt_id split",
}
VIEWS = {"screening", "clusters", "consensus", "annotators", "routes"}
PREFERENCE_COLUMNS = (
    "comparison_id prompt_id group_id prompt chosen rejected p_chosen preference_margin weight decision label_source sources "
    "licences split band"
)


def test_the_schema_version():
    assert SCHEMA_VERSION == 2
    for table in TABLES.values():
        assert table.schema.metadata == {b"prefcurate.schema": b"2"}


@pytest.mark.parametrize("name", CONTRACT)
def test_the_columns_of_the_contract_are_there(name):
    assert set(CONTRACT[name].split()) - set(TABLES[name].schema.names) == set()
    assert (TABLES[name].role == "view") == (name in VIEWS)


def test_the_columns_of_a_release():
    assert PREFERENCES.names == PREFERENCE_COLUMNS.split()
    assert "margin" not in PREFERENCES.names


@pytest.mark.parametrize("name", TABLES)
def test_keys_and_order_are_columns(name):
    table = TABLES[name]
    assert table.name == name
    assert table.key and len(set(table.key)) == len(table.key)
    assert set(table.key) | set(table.order) <= set(table.schema.names)
    assert table.order[0] == "prompt_id"
    assert set(table.order) == {"prompt_id", *table.key} and len(set(table.order)) == len(table.order)


@pytest.mark.parametrize("name", TABLES)
def test_the_shard_is_a_partition_and_no_column(name):
    assert "shard" not in TABLES[name].schema.names
    assert len(set(TABLES[name].schema.names)) == len(TABLES[name].schema.names)


@pytest.mark.parametrize("name", TABLES)
def test_keys_are_text_or_whole_numbers(name):
    # They are joined on and compared: a float would not be safe to.
    schema = TABLES[name].schema
    assert {schema.field(column).type for column in TABLES[name].key} <= {pa.string(), pa.int64()}


def test_the_types_that_the_outside_relies_on():
    assert [field.name for field in PART] == ["type", "text", "uri", "sha256", "json"]
    types = {
        ("comparisons", "prompt"): MESSAGES,
        ("comparisons", "response_b"): MESSAGES,
        ("occurrences", "reversed"): pa.bool_(),
        ("annotations", "p_a"): pa.float64(),
        ("annotations", "sample"): pa.int64(),
        ("embeddings", "vector"): VECTOR,
        ("consensus", "evidence"): STRINGS,
        ("spans", "start"): pa.int64(),
    }
    assert {key: TABLES[key[0]].schema.field(key[1]).type for key in types} == types
    assert pa.float32() == VECTOR.value_type
