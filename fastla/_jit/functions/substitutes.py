"""What stands for numbers, arrays, objects and functions while a user's function is described and compiled."""

import types
from dataclasses import dataclass, field
from typing import Any


class Slot:
    """A number or an array, as the compiled function's argument `index`."""

    def __init__(self, index: int, kind: tuple) -> None:
        self.index, self.kind = index, kind

    def _unknown(self, other: Any = None) -> Any:
        raise TypeError("known when it is called")      # so that no branch is decided while compiling

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = _unknown       # type: ignore[assignment]

    def __hash__(self) -> int:
        return self.index


@dataclass(eq=False)
class Place:
    """A module, class or object whose attributes are read, or that is called.

    `members`: what stands for the attributes that the function names; `call`: for the object as a function.
    """

    shown: str
    compared: bool              # whether its class has a == of its own
    counted: bool               # whether its class says when it is true
    members: dict[str, Any] = field(default_factory=dict)
    call: "Helper | None" = None

    def __eq__(self, other: object) -> bool:
        if self.compared:
            raise TypeError("known when it is called")
        return self is other

    def __hash__(self) -> int:
        return id(self)

    @classmethod
    def of(cls, value: Any) -> "Place":
        """An object's place, without members."""
        t = type(value)
        return cls(f"{t.__name__} object at {id(value):#x}", t.__eq__ is not object.__eq__,
                   hasattr(t, "__bool__") or hasattr(t, "__len__"))


@dataclass(eq=False)
class Helper:
    """A function that another one calls.

    `free` are its parameters that a call gives; `parameters`, if others are given before: what stands for each.
    """

    shown: str
    function: types.FunctionType
    free: list[str]
    parameters: list[Any] | None
    names: tuple[dict[str, Any], dict[str, Any]]
    defaults: dict[str, Any]

    def copy(self) -> types.FunctionType:
        """The function, over what stands for what it reads."""
        names = self.function.__code__.co_varnames[:self.function.__code__.co_argcount]
        return copy_with(self.function, self.names, tuple(self.defaults[n] for n in names if n in self.defaults))


def copy_with(function: types.FunctionType, names: tuple[dict[str, Any], dict[str, Any]],
              defaults: tuple | None = None) -> types.FunctionType:
    """The same code over other global and closure variables."""
    code = function.__code__
    closure = tuple(
        types.CellType(names[1][name]) if name in names[1] else cell
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True)
    )
    return types.FunctionType(code, {**function.__globals__, **names[0]}, function.__name__, defaults, closure)
