"""The canonical form and the ids that rest on it. The golden vectors may never change: stores all over hold such ids."""

import hashlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcurate.schemas import canonical
from prefcurate.schemas.canonical import (
    canonical_json,
    canonical_messages,
    canonical_text,
    comparison_id,
    conversation_id,
    prompt_id,
    response_id,
    shard_of,
    stable_hash,
    unit_interval,
)
from prefcurate.schemas.records import Message, Part

PROMPT = (
    Message("system", (Part("text", "Be brief."),)),
    Message("user", (Part("text", "Café?\nNow."), Part("image", uri="s3://x/y.png", sha256="ab" * 32))),
)
SPOKEN = (Message.of_text("assistant", "Yes."),)
CALLED = (Message("assistant", (Part("tool_call", json='{"a":[1,2.5,null],"b":"é"}'),)),)
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30)
IDS = st.text(alphabet="0123456789abcdef", min_size=32, max_size=32)


def messages(text: str, role: str = "user") -> tuple[Message, ...]:
    return canonical_messages([Message.of_text(role, text)])


def test_golden_vectors():
    assert canonical.CANONICAL_VERSION == 1
    assert stable_hash("kind") == "0ee1c5ab2083a2093ce7a79f3dcec217"
    mixed = stable_hash("kind", "a", 1, None, True, 0.5, ["x"], {"b": 1, "a": 2})
    assert mixed == "fb950aa059587f1debeea66e2f929e76"
    assert prompt_id(PROMPT) == "d342feffc2157857a78170f6d3ee7fed"
    assert prompt_id(()) == "42cc7f61ea913373b6da6a0f83400fd5"
    assert response_id(SPOKEN) == "ca184f32438239cb225fb547ea9a532d"
    assert response_id(CALLED) == "845f646da0694eadeeb4ca741697f234"
    assert (
        comparison_id(prompt_id(PROMPT), response_id(SPOKEN), response_id(CALLED)) == "fa8a29bf3db2faaef7773aee88ce3901"
    )
    assert conversation_id(PROMPT) == "03fb81d6b120851484ea57398029c7e0"
    assert shard_of("d342feffc2157857a78170f6d3ee7fed", 16) == 0xD
    assert unit_interval(7, "k", "split") == 0.3397999478458589


ANY_TEXT = st.text(alphabet=st.characters(), max_size=30)
PLAIN = st.one_of(
    ANY_TEXT, st.integers(-(2**70), 2**70), st.none(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)
)


def by_definition(value: object) -> str:
    """The id of a payload, by the standard library's encoder."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()[:32]


@given(st.lists(PLAIN, max_size=5))
def test_the_quick_encoder_writes_what_the_slow_one_does(parts):
    assert stable_hash("kind", *parts) == by_definition([1, "kind", *parts])


@given(ANY_TEXT, ANY_TEXT)
def test_ids_of_messages_are_those_of_their_json(role, text):
    message = Message(role, (Part("text", text), Part("image", uri=text)))
    assert response_id([message]) == by_definition([1, "response", [message.as_json()]])


def test_an_id_by_hand():
    payload = '[1,"response",[{"content":[{"text":"Yes.","type":"text"}],"role":"assistant"}]]'
    assert response_id(SPOKEN) == hashlib.sha256(payload.encode()).hexdigest()[:32]


def test_the_parts_that_are_set_make_the_id():
    payload = (
        '[1,"prompt",[{"content":[{"text":"Be brief.","type":"text"}],"role":"system"},{"content":[{"text":"Café?\\nNow.",'
        f'"type":"text"}},{{"sha256":"{"ab" * 32}","type":"image","uri":"s3://x/y.png"}}],"role":"user"}}]]'
    )
    assert prompt_id(PROMPT) == hashlib.sha256(payload.encode()).hexdigest()[:32]


@given(IDS, IDS, IDS)
def test_the_order_of_responses_never_matters(prompt, one, other):
    assert comparison_id(prompt, one, other) == comparison_id(prompt, other, one)


def test_prompts_responses_and_comparisons_never_share_an_id():
    assert prompt_id(SPOKEN) != response_id(SPOKEN) != conversation_id(SPOKEN)
    assert comparison_id("a", "b", "c") != comparison_id("b", "a", "c")


@given(TEXT)
def test_equivalent_texts_are_one(text):
    plain = canonical_text(text)
    # A mark at the beginning would join what is put before it.
    same = [text, unicodedata.normalize("NFD", text), plain, f"{plain}\t\r\n", f"\n\n  {plain}" if plain else ""]
    same += [plain.replace("\n", "\r\n"), plain.replace("\n", "\r")]
    assert {canonical_text(one) for one in same} == {plain}
    assert plain == plain.strip() == unicodedata.normalize("NFC", plain) and "\r" not in plain


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("Cafe\u0301", "Café"),
        ("\u212b", "Å"),
        ("a\r\nb\rc\n", "a\nb\nc"),
        ("  a \n\n b\t", "a \n\n b"),
        ("\u3000a\u00a0", "a"),
        ("ﬁ", "ﬁ"),  # compatibility forms stay: NFC, not NFKC
        ("", ""),
    ],
)
def test_canonical_text(given_text, expected):
    assert canonical_text(given_text) == expected


@given(TEXT, TEXT)
def test_different_texts_have_different_ids(one, other):
    assert (canonical_text(one) == canonical_text(other)) == (prompt_id(messages(one)) == prompt_id(messages(other)))


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "\ud83d and no more"])
def test_a_lone_surrogate_raises(text):
    with pytest.raises(
        ValueError, match=f"a lone surrogate at character {0 if text[0] != 'a' else 1}; it is not valid Unicode"
    ):
        canonical_text(text)
    escaped = canonical_json({"a": text}).encode("ascii", "backslashreplace").decode()
    with pytest.raises(ValueError, match="a lone surrogate"):
        canonical_messages([Message("assistant", (Part("tool_call", json=escaped),))])


def test_canonical_json():
    assert canonical_json({"b": [1, 2.5, None, True], "a": 'é"\n'}) == '{"a":"é\\"\\n","b":[1,2.5,null,true]}'
    for number in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not JSON compliant"):
            canonical_json(number)


def test_canonical_messages():
    parts = (Part("text", " a\r\n"), Part("text", " \n"), Part("tool_call", json='{"b": 1,\n "a": "\\u00e9"}'))
    (message,) = canonical_messages([Message(" User ", parts)])
    assert message == Message("user", (Part("text", "a"), Part("tool_call", json='{"a":"é","b":1}')))
    assert canonical_messages([message]) == (message,)
    with pytest.raises(ValueError, match="Expecting"):
        canonical_messages([Message("assistant", (Part("tool_call", json="{"),))])


def test_a_conversation_is_its_first_user_turn_and_what_stands_before():
    system, first, answer, second = (
        Message.of_text(*m) for m in (("system", "s"), ("user", "u"), ("assistant", "a"), ("user", "v"))
    )
    whole = conversation_id((system, first))
    assert conversation_id((system, first, answer, second)) == whole
    assert len({whole, conversation_id((first,)), conversation_id((system, second))}) == 3
    # Without a user's turn it is all there is.
    assert conversation_id((system, answer)) != conversation_id((system,))


@given(IDS, st.integers(0, 15))
def test_doubling_the_shards_splits_each_in_two(hex_id, power):
    shard = shard_of(hex_id, 2**power)
    assert 0 <= shard < 2**power
    assert shard_of(hex_id, 2 ** (power + 1)) in (2 * shard, 2 * shard + 1)


def test_a_shard_is_the_top_bits():
    assert [shard_of(f"{first}{'0' * 31}", 4) for first in "03478bcf"] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert [shard_of(one * 32, 1) for one in "0f"] == [0, 0]
    assert shard_of("abcd" + "0" * 28, 65_536) == 0xABCD


@pytest.mark.parametrize("shards", [0, -1, 3, 12, 131_072])
def test_shards_are_a_power_of_two(shards):
    with pytest.raises(ValueError, match=f"shards must be a power of two from 1 to 65536, not {shards}"):
        shard_of("0" * 32, shards)


@given(st.integers(0, 2**31), TEXT, TEXT)
def test_a_number_by_chance_is_reproducible_and_below_one(seed, key, purpose):
    number = unit_interval(seed, key, purpose)
    assert 0 <= number < 1
    assert unit_interval(seed, key, purpose) == number


def test_numbers_by_chance_are_spread_and_depend_on_all_three():
    numbers = [unit_interval(7, str(i), "split") for i in range(4000)]
    counted = [sum(i / 8 <= n < (i + 1) / 8 for n in numbers) for i in range(8)]
    assert min(counted) > 430 and max(counted) < 570
    assert len({unit_interval(s, k, p) for s in (1, 2) for k in ("a", "b") for p in ("c", "d")}) == 8
    assert unit_interval(1, "a", "b") != unit_interval(1, "b", "a")
