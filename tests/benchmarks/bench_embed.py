"""Batches of one length under a token budget, beside plain batches of 32 texts in the given order, in one run.

    python tests/benchmarks/bench_embed.py [TEXTS]

Prints texts a second of both and their ratio; only the ratio means something on a shared machine. Both use the same
model, device and threads, on the answers of examples/data, each measured twice in turn, the better run counting.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from prefcurate.transforms.embed.embedder import Embedder
from prefcurate.transforms.embed.options import EmbedOptions
from tests.transforms.screen.real import answers, generations


def texts_a_second(encode: Callable[[list[str]], object], texts: list[str]) -> float:
    start = time.perf_counter()
    encode(texts)
    return len(texts) / (time.perf_counter() - start)


def main(count: int) -> None:
    # Short and long texts as they come, from several sources in turn.
    mixed = [text for pair in zip(answers(), generations() * 3, strict=False) for text in pair][:count]
    embedder = Embedder(EmbedOptions())
    model = embedder._model

    def plain(texts: list[str]) -> None:
        for start in range(0, len(texts), 32):
            tokens = embedder._tokens(texts[start : start + 32])
            embedder._forward(tokens)

    embedder.encode(mixed[:32])
    runs = [(texts_a_second(plain, mixed), texts_a_second(embedder.encode, mixed)) for _ in range(2)]
    given, ours = max(run[0] for run in runs), max(run[1] for run in runs)
    print(f"{len(mixed)} texts on {embedder.device}, {model.max_seq_length} tokens at most")
    print(f"plain batches of 32    {given:8.1f} texts/s")
    print(f"token budget, sorted   {ours:8.1f} texts/s")
    print(f"ratio                  {ours / given:8.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 256)
