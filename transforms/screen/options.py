"""Settings of the stage screen (the key `screen` of the YAML)."""

from typing import Literal

from pydantic import Field

from prefcurate.transforms.options import Options

ResponseFlag = Literal[
    "empty_response", "refusal", "harmless_refused", "identical_responses", "same_beginning", "length_ratio", "placeholder",
    "cut_off", "repetition", "leaked_markup", "as_a_model", "judge_hacking", "wrong_language", "personal_data",
]  # fmt: skip
"""Flags of responses, which `runbooks/flags.md` explains."""


class ScreenOptions(Options):
    """Thresholds of the flags."""

    similarity: float = Field(default=0.7, ge=0.5, le=1)
    """Jaccard similarity of character shingles from which two texts are near duplicates. The bands are made for 0.7:
    below 0.6 more and more pairs are missed."""
    shortest_response: int = Field(default=80, ge=8)
    """Letters, digits and the spaces between them that a response needs to be looked for under other prompts. Short answers ("Yes.",
    "Is there anything else I can help you with?") rightly stand under many: of 14,172 real responses 405 were alike under
    unlike prompts with fewer than 60 characters, none with 60 to 100, and ten with more: canned refusals and copied texts."""
    largest_cluster: int = Field(default=1000, ge=2)
    """A cluster of more members is cut again at a higher similarity, and reported when that does not help."""
    ngram: int = Field(default=13, ge=5)
    """Words that a prompt and a benchmark must share in a row to be flagged; shorter benchmark texts match as a whole."""
    common_ngram: int = Field(default=10, ge=1)
    """A run of words that stands in more rows of a benchmark than this is its boilerplate and no evidence."""
    rephrased: float | None = Field(default=0.8, gt=0.5, le=1)
    """Cosine from which a prompt says a benchmark's item in other words, where neither holds a number; the same numbers take .075
    off, others add as much. null: not looked for."""
    length_ratio: float = Field(default=4, gt=1)
    """A response that has this many times the characters of the other is flagged."""
    truncated_at: int = Field(default=2048, ge=1)
    """Two responses that differ only behind so many characters are flagged. 2,048 are about 512 tokens of English: what trainers
    that cut at 1,024 tokens (TRL's default) leave a response beside a prompt of 512, and what older ones cut at."""
    without: tuple[ResponseFlag, ...] = ()
    """Flags of responses that are not raised. What is published does not depend on them."""
