"""Rows whose raw text must not be kept: those of what goes, and unreadable ones that quote it.

A row in quarantine could not be read, so nobody knows which prompt it is about; its raw text is searched. To clear one row too many
costs a look at the source file, one too few a person's trust: the search looks at letters and digits alone.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa

from prefcurate.schemas.canonical import shard_of
from prefcurate.transforms.store.duck import connect
from prefcurate.transforms.store.store import Store

PROBE = 200
"""Letters and digits of a prompt that a raw text is searched for."""
FEWEST = 8
"""Fewer tell nothing of anybody, and every other row has them."""
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|[nrt])")
_ROWS = """
    SELECT row_hash FROM occurrences WHERE prompt_id IN (SELECT name FROM prompts)
    UNION SELECT row_hash FROM {} WHERE annotator IN (SELECT name FROM annotators) AND occurrence_id IS NOT NULL
"""


def rows_that_mention(store: Store, prompts: Collection[str], annotators: Sequence[str]) -> frozenset[str]:
    """Hashes of the rows that some prompts or annotators came with, and of rows in quarantine that quote them."""
    if not prompts and not annotators:
        return frozenset()
    with connect() as connection:
        for name, values in (("prompts", prompts), ("annotators", annotators)):
            connection.register(name, pa.table({"name": pa.array(sorted(values), pa.string())}))
        for table in ("occurrences", "annotations", "ratings", "spans", "quarantine"):
            connection.register(table, store.dataset(table))
        said = " UNION ALL ".join(
            f"SELECT row_hash, annotator, occurrence_id FROM {table}"  # noqa: S608
            for table in ("annotations", "ratings", "spans")
        )
        found = {row_hash for (row_hash,) in connection.sql(_ROWS.format(f"({said})")).fetchall() if row_hash}
        texts = [text for prompt in sorted(prompts) for text in _probes(store, prompt)]
        people = [annotator.partition(":")[2].partition("/") for annotator in annotators]
        reader = connection.sql("SELECT source, row_hash, raw, detail FROM quarantine").to_arrow_reader(256)
        for batch in reader:
            for row in batch.to_pylist():
                raw = f"{row['raw'] or ''} {row['detail'] or ''}"
                named = any(source == row["source"] and mentions_name(raw, name) for source, _, name in people if name)
                if named or mentions(raw, texts):
                    found.add(row["row_hash"])
    return frozenset(found)


def mentions(raw: str, probes: Sequence[str]) -> bool:
    """Whether a raw text quotes one of some texts, however it was escaped, spaced and set."""
    return bool(probes) and any(probe in plain for plain in (letters(raw), letters(unescaped(raw))) for probe in probes)


def mentions_name(raw: str, name: str) -> bool:
    """Whether a raw text names somebody, as a word of its own."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", unescaped(raw)) is not None


def letters(text: str) -> str:
    """The letters and digits of a text, in small letters."""
    return "".join(c for c in unicodedata.normalize("NFC", text).casefold() if c.isalnum())


def unescaped(raw: str) -> str:
    """A raw text without the escapes of JSON."""
    decoded = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else " ", raw)
    # What JSON writes as two halves is one character.
    return decoded.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _probes(store: Store, prompt: str) -> Iterator[str]:
    shard = shard_of(prompt, store.shards)
    with connect() as connection:
        connection.register("comparisons", store.dataset("comparisons", shard=shard))
        query = "SELECT any_value(prompt) FROM comparisons WHERE prompt_id = $prompt HAVING count(*) > 0"
        for (messages,) in connection.sql(query, params={"prompt": prompt}).fetchall():
            said = [message for message in messages if message["role"] == "user"] or messages
            for part in (part for message in said for part in message["content"]):
                probe = letters(part["text"] or "")[:PROBE]
                if len(probe) >= FEWEST:
                    yield probe
