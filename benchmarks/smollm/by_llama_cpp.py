"""The whole model by llama.cpp, from the same file, whose 4-bit weights it multiplies as they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import llama_cpp
import numpy as np

from benchmarks.smollm import files

CONTEXT = 2048


def prepare(prompt: Sequence[int], writes: int) -> Callable[[], Any]:
    """Return a call that reads the prompt, or, after it, writes so many tokens more."""
    from benchmarks.smollm.cases import Written

    threads = int(os.environ["OMP_NUM_THREADS"])
    model = llama_cpp.Llama(str(files.WHEEL.extracted(files.GGUF)), n_ctx=CONTEXT, n_batch=CONTEXT, n_threads=threads,
                            n_threads_batch=threads, verbose=False)

    def after(tokens: Sequence[int]) -> np.ndarray:
        model.eval(tokens)
        return np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(model.ctx, -1), (model.n_vocab(),)).copy()

    def read() -> np.ndarray:
        model.reset()
        return after(prompt)

    logits = read()

    def write() -> Written:
        nonlocal logits
        written = Written([], np.empty((writes, model.n_vocab()), np.float32))
        for i in range(writes):
            written.logits[i] = logits
            written.tokens.append(int(logits.argmax()))
            logits = after(written.tokens[-1:])
        return written

    return write if writes else read
