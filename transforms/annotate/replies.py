"""What is common to reading chat models' replies."""

import json
from collections.abc import Iterator


def json_objects(text: str) -> Iterator[dict[str, object]]:
    """Every JSON object that stands anywhere in a text, in its order; of one inside another only the outer."""
    decoder, start = json.JSONDecoder(), 0
    while (start := text.find("{", start)) >= 0:
        try:
            value, start = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            start += 1
            continue
        if isinstance(value, dict):
            yield value
