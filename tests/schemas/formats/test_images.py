"""Images in messages and beside them, as vision datasets have them."""

import base64
import hashlib

import pytest

from prefcurate.schemas.formats.hf_preference import HfPreferenceReader
from prefcurate.schemas.formats.images import images_of
from prefcurate.schemas.formats.rows import RowError
from tests.schemas.formats.mapping_helper import pair, unreadable
from tests.schemas.formats.reading import jsonl, outcomes, pairs_of, read_bytes

PIXELS = b"\x89PNG"
DIGEST = hashlib.sha256(PIXELS).hexdigest()
STORED = {"bytes": base64.b64encode(PIXELS).decode(), "path": None}


def asked(*parts):
    return [{"role": "user", "content": [*parts, {"type": "text", "text": "What is it?"}]}]


def said(text):
    return [{"role": "assistant", "content": [{"type": "text", "text": text}]}]


def read(row, **settings):
    return read_bytes(HfPreferenceReader.model_validate(settings), "x.jsonl", jsonl(row))


def images(prompt):
    return [(part.uri, part.sha256) for message in prompt for part in message.content if part.type == "image"]


@pytest.mark.parametrize(
    ("part", "uri"),
    [
        ({"type": "image_url", "image_url": {"url": "https://x/1.png"}}, "https://x/1.png"),
        ({"type": "image_url", "image_url": "https://x/1.png"}, "https://x/1.png"),
        ({"type": "image", "source": {"type": "url", "url": "https://x/1.png"}}, "https://x/1.png"),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
            "data:image/png;base64,iVBO",
        ),
        ({"type": "input_image", "image_url": "s3://b/1.png"}, "s3://b/1.png"),
    ],
)
def test_addresses_as_apis_write_them(part, uri):
    (found,) = pairs_of(read({"prompt": asked(part), "chosen": said("A cat."), "rejected": said("A dog.")}))
    assert images(found.prompt) == [(uri, None)]


def test_places_are_filled_in_order_with_and_without_a_prompt():
    row = {
        "images": ["a.png", STORED],
        "prompt": asked({"type": "image"}, {"type": "image"}),
        "chosen": said("A"),
        "rejected": said("B"),
    }
    told = [("a.png", None), (f"sha256:{DIGEST}", DIGEST)]
    whole = {"images": row["images"], "chosen": row["prompt"] + said("A"), "rejected": row["prompt"] + said("B")}
    for one in (row, whole):
        (found,) = pairs_of(read(one))
        assert images(found.prompt) == told and found.first[0].content[0].text == "A"
    (lost,) = read(row | {"images": ["a.png"]})
    assert "has no address; if the row has its images beside the messages" in lost.outcome.detail


def test_images_beside_a_text_count_where_somebody_names_them():
    row = {"image": STORED | {"path": "x.jpg"}, "prompt": "What is it?", "chosen": "A cat.", "rejected": "A dog."}
    (found,) = pairs_of(read(row, images="image"))
    assert images(found.prompt) == [("x.jpg", DIGEST)] and [p.type for p in found.prompt[0].content] == [
        "image",
        "text",
    ]
    (plain,) = pairs_of(read(row | {"image": 3}))
    assert images(plain.prompt) == [] and outcomes(read(row | {"image": 3}, images="image")) == {"wrong type": 1}


def test_a_mapping_reads_them_too_and_whole_conversations_begin_with_them():
    found = pair({"pics": ["1.png", "2.png"]}, images="pics")
    assert images(found.prompt) == [("1.png", None), ("2.png", None)]
    talks = {
        side: [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": side}] for side in ("one", "two")
    }
    found = pair({"pics": "1.png", **talks}, images="pics", prompt=None)
    assert images(found.prompt) == [("1.png", None)] and found.second[0].content[0].text == "two"
    assert unreadable({"pics": [{"width": 3}]}, images="pics").reason == "wrong type"


def test_what_is_no_image():
    assert images_of(None, "x") == [] and images_of([], "x") == []
    with pytest.raises(RowError, match="neither an address nor bytes"):
        images_of([{"bytes": "no base64!"}], "x")
