"""Faults of layers that were found by trying to break them, each with its kind."""

import enum
import itertools
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastla


class Named(enum.StrEnum):
    """An enumeration of strings."""

    RELU = "relu"


@pytest.mark.in_turn
@pytest.mark.parametrize("width", [65_536, 65_537, 70_000, 140_001])
def test_int8_sums_are_exact_at_any_width(target: str, width: int) -> None:
    rng = np.random.default_rng(width)
    for rows in (1, 2, 7, 33):
        x = rng.integers(-127, 128, (rows, width)).astype(np.float32)
        w = rng.integers(-127, 128, (50, width)).astype(np.float32)
        w[0], w[1, ::2] = 127, 127
        x[0] = 127
        x[:, -1] = w[:, -1] = 127       # so that both scales are 1
        exact = x.astype(np.int64) @ w.astype(np.int64).T
        np.testing.assert_array_equal(fastla.linear(x, fastla.quantize(w)), exact.astype(np.float32))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_bits_hang_on_no_number_of_threads(target: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    for m in (3, 10, 17, 40):
        x, w = (rng.standard_normal(shape).astype(dtype) for shape in ((m, 1000), (200, 1000)))
        results = []
        for threads in (1, 2, 4, 16):
            with fastla.num_threads(threads):
                results.append((fastla.linear(x, w).tobytes(), fastla.gated_linear(x, w, w).tobytes()))
        assert len(set(results)) == 1, m


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("number", [0.1, 1e12 + 0.1, 1e100, 1.797e308, -3e38, 1e-310])
def test_equal_numbers_become_0(target: str, dtype: str, number: float) -> None:
    for d in (1, 3, 7, 11, 64, 1000):
        with np.errstate(over="ignore"):
            x = np.full(d, number, dtype)
        if np.isfinite(x).all():
            np.testing.assert_array_equal(fastla.layer_norm(x), 0)


def test_a_large_mean_costs_no_digits(target: str) -> None:
    rng = np.random.default_rng(0)
    small = rng.integers(-50, 50, (5, 333)) / 64
    want = fastla.layer_norm(small, eps=0)
    np.testing.assert_allclose(fastla.layer_norm(small + 2.0 ** 40, eps=0), want, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", [np.str_("relu"), Named.RELU, type("Text", (str,), {})("relu")])
def test_strings_of_any_kind_name_an_activation(name: str) -> None:
    for dtype in ("float16", "float32", "float64"):
        x, w = np.array([[1, -1]], dtype), np.eye(2, dtype=dtype)
        np.testing.assert_array_equal(fastla.linear(x, w, activation=name), [[1, 0]])
        np.testing.assert_array_equal(fastla.linear(x, fastla.pack(w), activation=name), [[1, 0]])
    assert fastla.quantize(np.eye(2), dtype=np.str_("int8")).stored == "int8"


def test_sixty_four_axes() -> None:
    x, w, residual = np.ones((1,) * 62 + (3, 4), np.float32), np.ones((2, 4), np.float32), np.ones(2, np.float32)
    for out in (None, np.empty((1,) * 62 + (3, 2), np.float32)):
        y = fastla.linear(x, w, residual, activation="relu", residual=residual, out=out)
        assert y.shape == (1,) * 62 + (3, 2)
        assert (y == 6).all()
    assert (fastla.gated_linear(x, w, w, activation=None) == 16).all()


@pytest.mark.parametrize("norm", [fastla.layer_norm, fastla.rms_norm])
def test_outputs_that_share_memory_are_refused(norm: Callable[..., Any]) -> None:
    x, place = np.ones((3, 4), np.float32), np.full(20, 7, np.float32)
    whole = place[:12].reshape(3, 4)
    for other in (whole, whole[:], place[4:16].reshape(3, 4), whole[::-1]):
        with pytest.raises(ValueError, match="the two arrays of out share memory"):
            norm(x, residual=x, out=(whole, other))
    assert (place == 7).all()


def test_the_largest_numbers_are_quantized_finitely() -> None:
    most = np.finfo(np.float32).max
    for row in ([most], [-most, most], [most, 1.0], [np.nextafter(most, np.float32(0)), 0.0]):
        weight = np.array([row], np.float32)
        back = fastla.quantize(weight).dequantize()
        np.testing.assert_allclose(back, weight, rtol=1e-6, atol=most / 127)
        assert np.isfinite(back).all()


def test_an_infinity_gives_what_the_formula_gives(target: str) -> None:
    x = np.array([[1, 2, np.inf, 4], [1, 2, np.nan, 4], [1, 2, 3, 4]])
    for dtype in ("float32", "float64"):
        y = fastla.rms_norm(x.astype(dtype))
        np.testing.assert_array_equal(y[0], [0, 0, np.nan, 0])
        assert np.isnan(y[1]).all()
        assert np.isfinite(y[2]).all()
        assert np.isnan(fastla.layer_norm(x.astype(dtype))[:2]).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_while_others_pack_can_pack() -> None:
    weight, ended = np.ones((200, 300), np.float32), threading.Event()

    def pack_on() -> None:
        while not ended.is_set():
            fastla.pack(weight)

    threads = [threading.Thread(target=pack_on) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(25):
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                fastla.pack(weight)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def test_a_signal_handler_may_pack() -> None:
    weight, numbers, made = np.ones((200, 300), np.float32), itertools.count(), {}

    def pack_another(*_: object) -> None:
        number = next(numbers)
        made[number] = fastla.pack(weight * number)

    before = signal.signal(signal.SIGALRM, pack_another)
    signal.setitimer(signal.ITIMER_REAL, 1e-3, 1e-3)
    try:
        while len(made) < 30:
            assert (fastla.pack(weight).dequantize() == 1).all()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert all((packed.dequantize() == number).all() for number, packed in made.items())


def test_a_masked_output_is_refused() -> None:
    x, out = np.ones((2, 3), np.float32), np.ma.masked_array(np.zeros((2, 3), np.float32), mask=True)
    for call in (lambda: fastla.linear(x, np.eye(3, dtype=np.float32), out=out), lambda: fastla.rms_norm(x, out=out)):
        with pytest.raises(TypeError, match="out is a masked array, expected a plain one"):
            call()
    assert (out.data == 0).all()
