"""What users call an array: taken where it has one meaning, else refused under its name with what to do about it."""

import decimal

import numpy as np
import pytest

import fastla

X = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
CALLS = {
    "knn: corpus": lambda x: fastla.knn(X[:2], x, 3),
    "knn: queries": lambda x: fastla.knn(x, X, 3),
    "range_search: corpus": lambda x: fastla.range_search(X, x, 0.1),
    "vector_norm: x": lambda x: fastla.vector_norm(x, axis=1),
    "normalize: x": lambda x: fastla.normalize(x),
    "cosine_similarity: x": lambda x: fastla.cosine_similarity(x),
    "cosine_similarity: y": lambda x: fastla.cosine_similarity(X, x),
    "paired_cosine_similarity: y": lambda x: fastla.paired_cosine_similarity(X, x),
    "FlatIndex.add: x": lambda x: added(x),
}


def added(x: object) -> np.ndarray:
    index = fastla.FlatIndex(4)
    index.add(x)
    return index.reconstruct(index.ids)


def check_taken(x: object, plain: np.ndarray) -> None:
    for name, call in CALLS.items():
        expected, found = call(plain), call(x)
        for left, right in zip(*(z if type(z) is tuple else (z,) for z in (expected, found)), strict=True):
            assert left.dtype == right.dtype, name
            # Frames lie in Fortran order, in which sums have another order.
            np.testing.assert_allclose(left, right, rtol=1e-6, err_msg=name)


def check_refused(x: object, error: type[Exception], message: str) -> None:
    for name, call in CALLS.items():
        with pytest.raises(error) as caught:
            call(x)
        assert str(caught.value).startswith(name), caught.value
        assert message.replace("LABEL", name.split()[-1]) in str(caught.value)


# --- lists, objects, masked arrays ------------------------------------------------------------------
def test_objects_that_are_numbers():
    check_taken(X.astype(object), X.astype(np.float64))
    check_taken(X.round().astype(int).astype(object), X.round().astype(int))
    rows = np.empty(len(X), object)
    rows[:] = list(X)
    check_taken(rows, X)
    rows[:] = X.tolist()
    check_taken(rows, X.astype(np.float64))


@pytest.mark.parametrize(
    ("item", "said"),
    [(None, "None of type NoneType"), ("a", None), (decimal.Decimal(1), "of type Decimal"),
     (2**70, "beyond 64 bits"), ({}, "{} of type dict")],
    ids=str,
)
def test_objects_that_are_not(item, said):
    x = X.astype(object)
    x[2, 3] = item
    if said is None:
        check_refused(x, TypeError, "expected real numbers")
    else:
        check_refused(x, TypeError, said)
        check_refused(x, TypeError, "pass np.asarray(LABEL, dtype=float)")


def test_ragged_lists():
    check_refused([[1, 2, 3, 4], [1]], ValueError, "ragged: it has rows of 1 to 4 elements, expected all of one")
    check_refused([[1, 2, 3, 4], 5], ValueError, "ragged: it has rows beside single elements")
    rows = np.empty(2, object)
    rows[:] = [[1, 2], [3]]
    check_refused(rows, ValueError, "ragged: it has rows of 1 to 2 elements")
    for position in (0, 1):
        operands = [X, X.T]
        operands[position] = [[1, 2], [3]]
        with pytest.raises(ValueError, match=rf"matmul: x{position + 1} is ragged"):
            fastla.matmul(*operands)
    with pytest.raises(ValueError, match="FlatIndex.search: mask is ragged"):
        fastla.FlatIndex(4).search(X, 1, mask=[[True], [True, False]])
    with pytest.raises(ValueError, match="FlatIndex.remove: ids is ragged"):
        fastla.FlatIndex(4).remove([[1], [2, 3]])


def test_masked_arrays():
    for mask in (False, X > 0):
        message = "is a masked array, expected a plain one: pass LABEL.filled(value)"
        check_refused(np.ma.array(X, mask=mask), TypeError, message)
    with pytest.raises(TypeError) as caught:
        fastla.vector_norm(np.ma.array(X))
    assert "mask=" not in str(caught.value)


def test_what_numpy_makes_no_array_of():
    class Strange:
        def __array__(self, *_: object, **__: object) -> np.ndarray:
            raise RuntimeError("on another device")

    check_refused(Strange(), TypeError, "a Strange, cannot be made an array: on another device")


def test_subclasses_and_other_orders():
    check_taken(X.view(type("Special", (np.ndarray,), {})), X)
    check_taken(X.astype(">f4"), X)
    check_taken(memoryview(X), X)


# --- pandas -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "dtype", ["Float32", "Float64", "float32[pyarrow]", "double[pyarrow]", "Int16", "int64[pyarrow]", "boolean"]
)
def test_nullable_frames(dtype):
    pd = pytest.importorskip("pandas")
    if "pyarrow" in dtype:
        pytest.importorskip("pyarrow")
    numbers = X if "loat" in dtype or "double" in dtype else X > 0 if dtype == "boolean" else X.round()
    frame = pd.DataFrame(numbers).astype(dtype)
    plain = {"double": "float64", "boolean": "bool"}
    name = dtype.split("[")[0]
    check_taken(frame, numbers.astype(plain.get(name, name.lower())))
    frame.iloc[3, 2] = None
    check_refused(frame, ValueError, "has 1 missing values, expected none: pass LABEL.fillna(value) or LABEL.dropna()")


def test_other_frames():
    pd = pytest.importorskip("pandas")
    check_taken(pd.DataFrame(X), X)
    mixed = pd.DataFrame(X.round()).astype({0: "Float32", 1: "float32", 2: "Int8", 3: "float16"})
    assert fastla.normalize(mixed).dtype == np.float32
    check_taken(pd.Series(list(X)), X)                              # a column of vectors
    check_taken(pd.DataFrame(X).astype(object), np.array(X.tolist()))
    check_refused(pd.DataFrame({"a": ["x"], "b": [1.0], "c": [1], "d": [2]}), TypeError, "LABEL has dtype")
    index = fastla.FlatIndex(4)
    index.add(X, ids=pd.Series(np.arange(6), dtype="Int64"))
    index.remove(pd.Index([2, 3]))
    allowed = pd.Series([True, False, True, True], dtype="boolean")
    assert index.search(X[0], 3, mask=allowed)[1].tolist() != []
    with pytest.raises(ValueError, match="FlatIndex.remove: ids has 1 missing values"):
        index.remove(pd.Series([1, None], dtype="Int64"))


# --- torch ------------------------------------------------------------------------------------------------------------
def test_tensors():
    torch = pytest.importorskip("torch")
    t = torch.from_numpy(X.copy())
    check_taken(t, X)
    check_taken(t.clone().requires_grad_(), X)
    check_taken(t.clone().requires_grad_() * 1, X)
    half = t.to(torch.bfloat16)
    check_taken(half, half.float().numpy())
    check_taken(half.clone().requires_grad_(), half.float().numpy())
    check_taken(t.half(), X.astype(np.float16))
    check_taken(t.T.contiguous().T, X)
    index = fastla.FlatIndex(4, dtype="bfloat16")
    index.add(half)
    np.testing.assert_array_equal(index.reconstruct(index.ids), half.float().numpy())
    index.remove(torch.tensor([1, 2]))
    assert index.search(half, 1, mask=torch.tensor([True, False, True, True]))[1].shape == (6, 1)
    check_refused(t.to_sparse(), TypeError, "cannot be made an array")
