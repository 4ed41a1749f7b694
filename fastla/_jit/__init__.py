"""Numba: what a compiler at run time adds. Nothing here is imported before it is needed, nor is Numba.

Two things stand on the same ground (`vec.py`: vectors of the CPU; `interop.py`: C structs, calls and callbacks):

- `target.py` makes a target of it: the families of kernels in `matmul.py`, `search.py`, `attention.py` and
  `symmetric.py`, with the signatures of `Kernels` (`_native/contract/kernels.h`), compiled for this very CPU.
- `extension.py` lets functions of fastla be called inside the user's own @njit code.
"""
