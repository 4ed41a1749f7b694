"""Norms and normalized vectors against float64, over every target."""

import numpy as np
import pytest
import reference

import fastla


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32", "bool", "complex128"])
def test_vector_norm(target, dtype):
    rng = np.random.default_rng(6)
    x = (3 * rng.standard_normal((4, 5, 6))).astype(dtype)
    if dtype == "complex128":
        x = x + 1j * rng.standard_normal(x.shape)
    real = np.abs(x).astype(np.float64)
    kind = np.dtype({"float32": "f4", "float16": "f2"}.get(dtype, "f8"))
    tolerance = {"f4": 1e-6, "f2": 2e-3, "f8": 1e-14}[kind.str[1:]]
    for axis in (None, 0, 1, -1, (0, 1), (0, 2), (2, 1), (0, 1, 2)):
        for keepdims in (False, True):
            for order in (2, 1, 3, 0, 0.5, np.inf, -np.inf, -1):
                if order == -1 and (real == 0).any():
                    continue
                norm = fastla.vector_norm(x, axis=axis, keepdims=keepdims, ord=order)
                right = np.linalg.vector_norm(real, axis=axis, keepdims=keepdims, ord=order)
                np.testing.assert_allclose(norm, right, rtol=tolerance * 5)
                assert np.shape(norm) == right.shape
                assert np.asarray(norm).dtype == kind


def test_long_vectors_and_columns(target):
    rng = np.random.default_rng(7)
    x = rng.standard_normal(400_001, dtype=np.float32)
    for vector in (x, x[::-1], x[::3], x * np.float32(1e30), x.astype(np.float16)):
        tolerance = 1e-3 if vector.dtype == "f2" else 1e-6
        norm = np.linalg.norm(vector.astype(np.float64))
        np.testing.assert_allclose(fastla.vector_norm(vector), norm, rtol=tolerance)
    tall = rng.standard_normal((5000, 30), dtype=np.float32)
    np.testing.assert_allclose(fastla.vector_norm(tall, axis=0), np.linalg.norm(tall.astype(float), axis=0), rtol=1e-6)
    np.testing.assert_allclose(fastla.normalize(tall, axis=0), reference.unit(tall.T).T, rtol=1e-5)


def test_norms_of_nothing_and_of_no_numbers(target):
    with pytest.raises(TypeError, match="vector_norm: axis must be an integer, a tuple of them or None, not 1.5"):
        fastla.vector_norm(np.zeros((2, 3)), axis=1.5)
    assert fastla.vector_norm(np.zeros((0, 3)), axis=1).shape == (0,)
    np.testing.assert_array_equal(fastla.vector_norm(np.zeros((3, 0)), axis=1), np.zeros(3))
    assert fastla.vector_norm(3.0) == 3
    x = np.array([[np.inf, 1], [np.nan, np.inf], [1, -np.inf], [0, 0]])
    np.testing.assert_array_equal(fastla.vector_norm(x, axis=1), [np.inf, np.nan, np.inf, 0])
    np.testing.assert_array_equal(fastla.normalize(x), [[np.nan, 0], [np.nan, np.nan], [0, np.nan], [0, 0]])


def test_normalize(target):
    rng = np.random.default_rng(8)
    x = rng.standard_normal((4, 5, 6))
    for axis in (0, 1, 2, -1):
        right = np.moveaxis(reference.unit(np.moveaxis(x, axis, -1)), -1, axis)
        np.testing.assert_allclose(fastla.normalize(x, axis), right, atol=1e-15)
        np.testing.assert_allclose(fastla.normalize(x.astype(np.float32), axis), right, atol=1e-6)
    assert fastla.normalize(x.astype(np.float16)).dtype == np.float16
    assert fastla.normalize([3, 4]).tolist() == [0.6, 0.8]
    with pytest.raises(np.exceptions.AxisError, match="normalize: axis"):
        fastla.normalize(x, 3)
