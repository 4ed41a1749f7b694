"""scikit-learn's estimator protocol, without scikit-learn."""

import inspect
import sys
from typing import Any, Self


class Estimator:
    """Parameters are the constructor's arguments, kept as attributes; what a fit finds ends with an underscore."""

    @classmethod
    def _parameters(cls) -> dict[str, Any]:
        return {p.name: p.default for p in inspect.signature(cls.__init__).parameters.values() if p.name != "self"}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments by name."""
        return {name: getattr(self, name) for name in self._parameters()}

    def set_params(self, **params: Any) -> Self:
        """Change some of them."""
        known = self._parameters()
        for name in params:
            if name not in known:
                raise ValueError(f"{type(self).__name__}: no parameter {name!r}, expected one of {', '.join(known)}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        changed = (
            f"{k}={getattr(self, k)!r}" for k, default in self._parameters().items() if getattr(self, k) is not default
        )
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "components_")

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type="transformer",
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=["float64", "float32"]),
            input_tags=InputTags(sparse=True),
        )


class NotFittedError(ValueError, AttributeError):
    """An estimator is used before fit; where scikit-learn is loaded it is its NotFittedError too."""


def not_fitted(message: str) -> NotFittedError:
    """The exception."""
    theirs = sys.modules.get("sklearn.exceptions")
    if theirs is None:
        return NotFittedError(message)
    return type("NotFittedError", (NotFittedError, theirs.NotFittedError), {})(message)
