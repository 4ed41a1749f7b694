"""The one table of what is measured. A row is a case: an operation with its sizes, its element type and its layout."""

from __future__ import annotations

from benchmarks.operations import Case
from benchmarks.operations.attention import Attention
from benchmarks.operations.eigen import Components, Leading, SmallEigen
from benchmarks.operations.numba_target import NumbaAttention, NumbaCosine, NumbaLeading, NumbaProduct, NumbaSearch
from benchmarks.operations.products import Product
from benchmarks.operations.search import Index, Search
from benchmarks.operations.similarity import Cosine, Paired

FLOATS = ("float32", "float64")

CASES: tuple[Case, ...] = (
    # Called from Python on small arrays, the call itself is most of the time.
    *(Product("small", 8, 8, 8, dtype=t, quick=True) for t in FLOATS),
    Product("small", 8, 8, 8, transposed="a"),
    Product("small", 8, 8, 8, pad=(8, 8)),
    Product("small", 8, 8, 8, out=False),
    *(Product("small", n, n, n, dtype=t, quick=t == "float32") for n in (32, 64, 100) for t in FLOATS),
    Product("small", 32, 32, 32, out=False),
    # Large and square: the ground of a BLAS.
    *(Product("square", 256, 256, 256, dtype=t) for t in FLOATS),
    Product("square", 256, 256, 256, gap_ms=2),
    *(Product("square", 512, 512, 512, dtype=t) for t in FLOATS),
    *(Product("square", 1024, 1024, 1024, dtype=t, quick=True) for t in FLOATS),
    *(Product("square", 2048, 2048, 2048, dtype=t) for t in FLOATS),
    Product("square", 1024, 1024, 1024, out=False),
    *(Product("transposed", 1024, 1024, 1024, dtype=t, transposed="a") for t in FLOATS),
    Product("transposed", 1024, 1024, 1024, transposed="b", quick=True),
    Product("transposed", 1024, 1024, 1024, dtype="float64", transposed="b"),
    *(Product("transposed", 1024, 1024, 1024, dtype=t, transposed="ab") for t in FLOATS),
    Product("own transpose", 1024, 1024, 1024, own=True, quick=True),
    Product("own transpose", 1024, 1024, 1024, dtype="float64", own=True),
    Product("own transpose", 256, 256, 20000, transposed="a", own=True),
    # A few rows or columns against a large matrix: bound by the reading of it.
    Product("skinny", 1, 4096, 4096, quick=True),
    Product("skinny", 2, 4096, 4096),
    Product("skinny", 4, 4096, 4096, quick=True),
    Product("skinny", 6, 4096, 4096),
    Product("skinny", 8, 4096, 4096),
    Product("skinny", 16, 4096, 4096),
    *(Product("skinny", m, 4096, 4096, dtype="float64", quick=m == 6) for m in (1, 4, 6, 16)),
    Product("skinny", 4, 4096, 4096, transposed="b"),
    Product("skinny", 1000, 6, 1000, quick=True),
    Product("skinny", 6, 1000, 1000, dtype="float64"),
    # One size apart from the others.
    Product("tall", 4096, 64, 64),
    Product("tall", 10000, 100, 100, quick=True),
    Product("layer", 128, 3072, 768),
    Product("long k", 64, 64, 4096, quick=True),
    Product("long k", 24, 29, 3690, dtype="float64"),
    Product("long k", 4, 4, 1000000),
    # Stacks of small products, and a stack times one matrix.
    Product("stack", 3, 3, 3, batch=(10000,), quick=True),
    Product("stack", 4, 4, 4, batch=(10000,)),
    Product("stack", 9, 9, 9, batch=(10000,)),
    Product("stack", 16, 16, 16, batch=(10000,), quick=True),
    *(Product("stack", 32, 32, 32, dtype=t, batch=(1000,), quick=t == "float32") for t in FLOATS),
    Product("stack", 64, 64, 64, batch=(1000,), quick=True),
    Product("stack", 64, 64, 32, batch=(32, 12), transposed="b"),
    Product("stack @ 2-D", 128, 768, 768, batch=(64,), shared_b=True, quick=True),
    # Rows compared by cosine: all with all, each with its partner.
    Cosine("cosine", 1, 20000, 384, quick=True),
    Cosine("cosine", 1, 100000, 384),
    Cosine("cosine", 32, 100000, 384),
    Cosine("cosine", 1000, 10000, 384, quick=True),
    Cosine("cosine", 1000, 20000, 384),
    Cosine("cosine", 1000, 5000, 384, dtype="float64"),
    Cosine("cosine", 5000, 5000, 768),
    Paired("paired cosine", 1000, 16),
    Paired("paired cosine", 20000, 384, quick=True),
    Paired("paired cosine", 100000, 384),
    # The nearest rows of a raw corpus.
    Search("knn", 1, 50000, 384, quick=True),
    Search("knn", 1, 100000, 384),
    Search("knn", 32, 100000, 384),
    Search("knn", 100, 50000, 128, quick=True),
    Search("knn", 1000, 100000, 128),
    Search("knn", 100000, 256, 16, top=1, quick=True),          # as k-means asks for its centres
    # The nearest rows of an index.
    Index("index", 1, 50000, 384, quick=True),
    Index("index", 1, 100000, 384),
    Index("index", 32, 100000, 384),
    Index("index", 100, 50000, 128, quick=True),
    Index("index", 1000, 100000, 128),
    Index("index", 1000, 100000, 384, top=100),
    Index("index", 64, 50000, 384, storage="int8", quick=True),
    *(Index("index", 64, 100000, 384, storage=s) for s in ("float16", "bfloat16", "int8")),
    Index("index", 1, 300000, 384, storage="int8"),
    # Attention: a prompt, with and without a causal mask, and one query against what has been said.
    Attention("attention", 1, 8, 1024, 1024, 64, quick=True),
    Attention("attention", 1, 8, 1024, 1024, 64, causal=True),
    Attention("attention", 1, 8, 4096, 4096, 64, causal=True),
    Attention("attention", 1, 32, 1, 4096, 64, quick=True),
    # Some eigenpairs of a matrix, all of many small ones, principal components.
    Leading("eigenpairs", 512, 10, dtype="float64", quick=True),
    Leading("eigenpairs", 1000, 10, spectrum="clustered", dtype="float64"),
    Leading("eigenpairs", 2000, 1, spectrum="fast", dtype="float64"),
    Leading("eigenpairs", 2000, 10, spectrum="slow", dtype="float64"),
    Leading("eigenpairs", 2000, 10, spectrum="wigner", dtype="float64"),
    Leading("eigenpairs", 2000, 10),
    SmallEigen("small eigenproblems", 100000, 3, dtype="float64"),
    SmallEigen("small eigenproblems", 50000, 8),
    SmallEigen("small eigenproblems", 5000, 16, dtype="float64", quick=True),
    Components("components", 20000, 128, 10, quick=True),
    Components("components", 100000, 768, 16),
    Components("components", 20000, 2000, 50),
    # The same by the Numba target, beside the native ones.
    *(NumbaProduct("square", 1024, 1024, 1024, dtype=t, quick=True) for t in (*FLOATS, "int8")),
    NumbaProduct("own transpose", 1024, 1024, 1024, own=True),
    NumbaProduct("stack", 64, 64, 64, batch=(1000,)),
    NumbaCosine("cosine", 1000, 10000, 384, quick=True),
    NumbaSearch("knn", 100, 50000, 128, quick=True),
    NumbaAttention("attention", 1, 8, 1024, 1024, 64, quick=True),
    NumbaAttention("attention", 1, 8, 1024, 1024, 64, causal=True),
    NumbaLeading("eigenpairs", 2000, 10, quick=True),
)
