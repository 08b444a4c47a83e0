"""From rows of text to a sketch."""

from collections.abc import Mapping, Sequence

import numpy as np

from prefcurate.transforms.screen.minhash import SLOTS, signatures
from prefcurate.transforms.screen.people import Votes
from prefcurate.transforms.screen.rows import LONGEST, Row
from prefcurate.transforms.screen.shingles import SHINGLE, shingle_sets, whole_hashes
from prefcurate.transforms.screen.sketch import Sketch


class Sketcher:
    """Collects the sketch of one shard from portions of its rows, which come sorted by (prompt_id, comparison_id).

    Args:
        shortest: normalised characters of a response from which it may be looked for under other prompts.
    """

    def __init__(self, shortest: int = 0) -> None:
        self._shortest = shortest
        self._prompt_ids: list[str] = []
        self._conversations: list[int] = []
        self._comparison_ids: list[str] = []
        self._prompt_rows: list[int] = []
        self._sides: tuple[list[int], list[int]] = ([], [])
        self._places: list[int] = []
        self._of_prompt: dict[int, int] = {}
        self._prompts = [np.empty((0, SLOTS), np.uint32)]
        self._responses = [np.empty((0, SLOTS), np.uint32)]
        self._prompt_sums = [np.empty(0, np.uint64)]
        self._response_sums = [np.empty(0, np.uint64)]
        self._long = [np.empty(0, np.bool_)]

    def add(self, rows: Sequence[Row]) -> None:
        """Takes in a portion."""
        place: dict[str, int] = {}
        prompts: list[int] = []
        responses: list[int] = []
        for row in rows:
            if not self._prompt_ids or self._prompt_ids[-1] != row.prompt_id:
                prompts.append(place.setdefault(row.prompt[:LONGEST], len(place)))
                self._new_prompt(row)
            for side, text in enumerate((row.a, row.b)):
                if self._is_new_response(side, text):
                    responses.append(place.setdefault(text[:LONGEST], len(place)))
            self._comparison_ids.append(row.comparison_id)
            self._prompt_rows.append(len(self._prompt_ids) - 1)
        sets = shingle_sets(list(place))
        of_text, sums = signatures(sets), whole_hashes(sets)
        self._prompts.append(of_text[prompts])
        self._prompt_sums.append(sums[prompts])
        self._responses.append(of_text[responses])
        self._response_sums.append(sums[responses])
        self._long.append(np.diff(sets.ends)[responses] + SHINGLE - 1 >= self._shortest)

    def _new_prompt(self, row: Row) -> None:
        self._prompt_ids.append(row.prompt_id)
        self._conversations.append(int(row.conversation_id[:16], 16))
        self._of_prompt = {}

    def _is_new_response(self, side: int, text: str) -> bool:
        """Whether the prompt at hand had no such response yet; notes which one the next comparison has on a side."""
        # Of all responses of one prompt the texts may not fit in memory; 64 bits tell them apart.
        key, fresh = hash(text), len(self._places)
        found = self._of_prompt.setdefault(key, fresh)
        self._sides[side].append(found)
        if found == fresh:
            self._places.append(2 * len(self._comparison_ids) + side)
        return found == fresh

    def sketch(self, votes: Mapping[str, Votes]) -> Sketch:
        """The sketch of all portions so far."""
        leanings = [votes[i].leaning if i in votes else 0 for i in self._comparison_ids]
        return Sketch(
            prompt_ids=np.array(self._prompt_ids, "S32"),
            conversations=np.array(self._conversations, np.uint64),
            prompts=np.concatenate(self._prompts),
            prompt_sums=np.concatenate(self._prompt_sums),
            comparison_ids=np.array(self._comparison_ids, "S32"),
            prompt_rows=np.array(self._prompt_rows, np.int64),
            a_rows=np.array(self._sides[0], np.int64),
            b_rows=np.array(self._sides[1], np.int64),
            responses=np.concatenate(self._responses),
            response_sums=np.concatenate(self._response_sums),
            places=np.array(self._places, np.int64),
            long=np.flatnonzero(np.concatenate(self._long)),
            leanings=np.array(leanings, np.int8),
        )
