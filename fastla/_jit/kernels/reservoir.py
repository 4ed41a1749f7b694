"""The k best of the scores that a query is offered: a heap whose root is the worst.

The best are a total order, score then row, so that it does not matter in what order they come.
"""

from typing import Any

from numba import types

from fastla._jit.interop import offset
from fastla._jit.kernels.compiling import jit_for


def reservoirs(real: types.Type) -> Any:
    """offer(scores, ids, counts, query, k, score, row) and take_worst(scores, ids, count), for scores of a type.

    A query's k scores and rows lie one after the other, its count says how many there are.
    """
    @jit_for(real)
    def worse(score, row, other, other_row):  # noqa: ANN001, ANN202
        return score < other or score == other and row > other_row

    @jit_for(real)
    def sift(scores, ids, count, i):  # noqa: ANN001, ANN202
        """Restore the heap below place i."""
        while True:
            child = 2 * i + 1
            if child >= count:
                return
            if child + 1 < count and worse(scores[child + 1], ids[child + 1], scores[child], ids[child]):
                child += 1
            if not worse(scores[child], ids[child], scores[i], ids[i]):
                return
            scores[i], scores[child] = scores[child], scores[i]
            ids[i], ids[child] = ids[child], ids[i]
            i = child

    @jit_for(real)
    def offer(scores, ids, counts, query, k, score, row):  # noqa: ANN001, ANN202
        """Offer a score to a query's reservoir."""
        s, r, count = offset(scores, query * k), offset(ids, query * k), counts[query]
        if count == k:
            if worse(s[0], r[0], score, row):
                s[0] = score
                r[0] = row
                sift(s, r, count, 0)
            return
        while count > 0 and worse(score, row, s[(count - 1) // 2], r[(count - 1) // 2]):
            s[count], r[count] = s[(count - 1) // 2], r[(count - 1) // 2]
            count = (count - 1) // 2
        s[count] = score
        r[count] = row
        counts[query] += 1

    @jit_for(real)
    def take_worst(scores, ids, count):  # noqa: ANN001, ANN202
        """The worst of so many, which leaves the heap."""
        score, row = scores[0], ids[0]
        scores[0], ids[0] = scores[count - 1], ids[count - 1]
        sift(scores, ids, count - 1, 0)
        return score, row
    return offer, take_worst
