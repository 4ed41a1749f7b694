"""Numba: what a compiler at run time adds. Nothing here is imported before it is needed, nor is Numba.

Three things stand on the same ground (`vec.py`, `lanes.py`, `memory.py`, `vmath.py`: vectors of the CPU; `interop.py`:
C structs, calls and callbacks):

- `kernels/target.py` makes a target of it: the families of kernels in `matmul.py`, `search.py`, `attention.py` and
  `symmetric_product.py`, with the signatures of `Kernels` (`_native/contract/kernels.h`), compiled for this very CPU
  (`compiling.py`) and run by fastla's own pool (`schedule.py`).
- `functions/user_function.py` compiles functions that only the user knows into callbacks over tiles, which native
  kernels call: `captured.py` says what such a function reads, `rewrite.py` compiles it, `tile_function.py` is the loop
  around it.
- `extension.py` lets functions of fastla be called inside the user's own @njit code.
"""
