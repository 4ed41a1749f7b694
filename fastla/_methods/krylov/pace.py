"""When an iteration is worth another look: Rayleigh-Ritz costs as much as a step or two, so it is not done at each."""

import numpy as np

from fastla._methods import tuning


class Pace:
    """How residuals fall from look to look, and so how many steps are left."""

    def __init__(self) -> None:
        self._steps = 0
        self._excess = np.inf

    def wait(self, steps: int, residuals: np.ndarray, limits: np.ndarray, least: float = 1) -> int:
        """Minus the steps after which to look again; `steps` were done, limits are asked for, after `least` steps more.

        Residuals fall faster and faster, so the next look is due before the pace so far would have them small enough.
        """
        tiny = np.finfo(float).tiny
        excess = float(np.log(np.maximum(residuals, tiny) / np.maximum(limits, tiny)).max(initial=0))
        fall = (self._excess - excess) / (steps - self._steps)
        self._steps, self._excess = steps, excess
        known = np.isfinite(fall) and fall > 0
        left = tuning.LOOK_EARLY * excess / fall if known else tuning.LOOK_FIRST
        return -int(min(max(left, least, 1), tuning.LOOK_LAST))
