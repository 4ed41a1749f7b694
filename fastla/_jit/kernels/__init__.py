"""The target's kernels: families of `Kernels` (`_native/contract/kernels.h`), compiled for this CPU (`target.py`)."""
