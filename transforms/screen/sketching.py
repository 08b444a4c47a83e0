"""From rows of text to a sketch and the band hashes by which its rows meet those of other shards."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from prefcurate.transforms.screen.candidates import Nodes, Records, nodes, records
from prefcurate.transforms.screen.minhash import BANDS, SLOTS, bands, signatures
from prefcurate.transforms.screen.people import Votes
from prefcurate.transforms.screen.rows import LONGEST, Row
from prefcurate.transforms.screen.shingles import ShingleSets, shingle_sets
from prefcurate.transforms.screen.sketch import Sketch


class Sketcher:
    """Collects the sketch of one shard from portions of its rows, which come sorted by (prompt_id, comparison_id)."""

    def __init__(self) -> None:
        self._prompt_ids: list[str] = []
        self._conversations: list[int] = []
        self._comparison_ids: list[str] = []
        self._prompt_rows: list[int] = []
        self._prompts = [np.empty((0, SLOTS), np.uint32)]
        self._a = [np.empty((0, SLOTS), np.uint32)]
        self._b = [np.empty((0, SLOTS), np.uint32)]
        self._prompt_bands = [_no_bands()]
        self._pair_bands = [_no_bands()]

    def add(self, rows: Sequence[Row]) -> None:
        """Takes in a portion."""
        place: dict[str, int] = {}
        texts = [[place.setdefault(text[:LONGEST], len(place)) for text in (r.prompt, r.a, r.b)] for r in rows]
        sets = shingle_sets(list(place))
        of_text = signatures(sets)
        prompt, a, b = np.array(texts, np.int64).T
        new = self._new_prompts(rows)
        self._prompts.append(of_text[prompt[new]])
        self._a.append(of_text[a])
        self._b.append(of_text[b])
        self._prompt_bands.append(_bands(of_text[prompt[new]], np.diff(sets.ends)[prompt[new]]))
        unions = _unions(sets, texts)
        self._pair_bands.append(_bands(signatures(unions), np.diff(unions.ends)))

    def _new_prompts(self, rows: Sequence[Row]) -> list[int]:
        new = []
        for index, row in enumerate(rows):
            if not self._prompt_ids or self._prompt_ids[-1] != row.prompt_id:
                new.append(index)
                self._prompt_ids.append(row.prompt_id)
                self._conversations.append(int(row.conversation_id[:16], 16))
            self._comparison_ids.append(row.comparison_id)
            self._prompt_rows.append(len(self._prompt_ids) - 1)
        return new

    def sketch(self, votes: Mapping[str, Votes]) -> Sketch:
        """The sketch of all portions so far."""
        leanings = [votes[i].leaning if i in votes else 0 for i in self._comparison_ids]
        return Sketch(
            np.array(self._prompt_ids, "S32"),
            np.concatenate(self._prompts),
            np.array(self._comparison_ids, "S32"),
            np.array(self._prompt_rows, np.int64),
            np.concatenate(self._a),
            np.concatenate(self._b),
            np.array(leanings, np.int8),
        )

    def records(self, shard: int) -> Iterator[tuple[str, Records]]:
        """What the rows may meet others by: (kind, rows of hash and node)."""
        prompts, pairs = nodes(shard, len(self._prompt_ids)), nodes(shard, len(self._comparison_ids))
        yield "prompt", _records(np.concatenate(self._prompt_bands), prompts)
        yield "pair", _records(np.concatenate(self._pair_bands), pairs)
        yield "conversation", records(np.array(self._conversations, np.uint64), prompts)


def _unions(sets: ShingleSets, texts: Sequence[Sequence[int]]) -> ShingleSets:
    """The shingles of each comparison as one set: prompt and both responses, whichever is a."""
    pieces = [sets.hashes[sets.ends[text] : sets.ends[text + 1]] for row in texts for text in row]
    lengths = np.array([len(piece) for piece in pieces], np.int64).reshape(-1, 3).sum(axis=1)
    return ShingleSets(np.concatenate(pieces), np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]))


def _no_bands() -> NDArray[np.uint64]:
    return np.empty((0, BANDS), np.uint64)


def _bands(of: NDArray[np.uint32], shingles: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Band hashes, zero where a text has no shingles: texts without letters are not alike for that."""
    return np.where(shingles[:, None] > 0, bands(of), np.uint64(0))


def _records(hashes: NDArray[np.uint64], of: Nodes) -> Records:
    found = records(hashes, of)
    shared: Records = found[found[:, 0] != 0]
    return shared
