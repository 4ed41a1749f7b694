"""The random calls of every public function."""

import numpy as np
import pytest
from grids import slow

pytest.importorskip("tabulate")
pytest.importorskip("tqdm")

import fastla  # noqa: E402
from benchmarks.sweep import api, functions  # noqa: E402

NAMES = api.offered(list(api.FUNCTIONS))
NO_WORK = {
    "set_num_threads", "get_num_threads", "num_threads", "show_config", "use_backend", "linear_operator",
    "NoConvergence", "BlockMask", "block_mask", "PackedWeight", "pack", "quantize",
}


def test_every_public_function_is_drawn():
    """Whoever adds a function adds a row."""
    public = {name for name in fastla.__all__ if callable(getattr(fastla, name))} - NO_WORK
    assert public <= {name.split(".")[0] for name in api.FUNCTIONS}


def test_a_call_is_the_same_whichever_others_are_drawn():
    alone = api.draw(3, 2, ["knn"])
    among = [call for call in api.draw(3, 5, ["matmul", "knn"]) if call.family == "knn"]
    assert alone == among[:2] and len(set(among)) == 5


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [0, *slow(1, 2)])
def test_fastla_agrees_with_numpys_lines(monkeypatch, name, seed):
    monkeypatch.setattr(functions, "ELEMENTS", 3e4)
    monkeypatch.setattr(functions, "LARGEST", 100)
    call = api.RandomCall(name, seed=seed)
    drawn = call.make()
    result = drawn.ours(fastla)()
    assert call.check(drawn, result) <= 1, call.label()
    values = np.array(drawn.values(result))
    wrong = drawn._replace(values=lambda found: values * (2 if found is result else 1) + (found is result))
    assert wrong.error(result) > 1


def test_how_a_function_stands():
    fast, slow, far = ({api.RandomCall("knn", seed=i): ratio for i, ratio in enumerate(ratios)}
                       for ratios in ([2.0] * 60, [1.1] * 60, [2.0] * 99 + [0.4]))
    assert api.stands(["knn"], fast) and not api.stands(["knn"], slow) and not api.stands(["knn"], far)
    assert "0.400x" in api.standing(["knn"], far) and "1%" in api.standing(["knn"], far)
