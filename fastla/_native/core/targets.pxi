# The targets, and the kernels of each type in the one that is used.

cdef enum:
    TYPE_NUMBERS = 512          # NumPy's type numbers below that; those of user dtypes (bfloat16) begin at 256

cdef const Kernels* typed_kernels[TYPE_NUMBERS]
cdef double numpy_flops[TYPE_NUMBERS]           # from so many on, a product of this type is NumPy's


cdef const Kernels* kernels_of(capsule) except NULL:
    return <const Kernels*>PyCapsule_GetPointer(capsule, "fastla.kernels")


def targets():
    """{target of this platform: the CPU features it requires}, best first."""
    rows = (row.split("=") for row in FASTLA_TARGETS.decode().split("|"))
    return {name: frozenset(features.split()) for name, features in rows}


def test_only_targets():
    """The targets that are never chosen by themselves."""
    return frozenset(FASTLA_TEST_ONLY.decode().split())


def cpu_features():
    """The features that targets may require and this machine has."""
    return frozenset(cpu_features_names().decode().split())


def install(int type_number, capsule, limit=None):
    """Let a target module's kernels work on this type; None: NumPy does. From `limit` flops on (None: the target's own
    crossover) products are NumPy's all the same."""
    if not 0 <= type_number < TYPE_NUMBERS:
        raise ValueError(f"type_number must be in [0, {TYPE_NUMBERS}), not {type_number}")
    cdef const Kernels* kernels = NULL
    if capsule is not None:
        kernels = kernels_of(capsule)
        numpy_flops[type_number] = kernels.numpy_flops if limit is None else limit
    typed_kernels[type_number] = kernels


def owns(int type_number):
    """Whether a target module does this type's products."""
    return 0 <= type_number < TYPE_NUMBERS and typed_kernels[type_number] != NULL


def describe(capsule):
    """The target, the element row, the vector's bytes and the tile of a target module."""
    cdef const Kernels* kernels = kernels_of(capsule)
    return {"target": kernels.target.decode(), "element": kernels.element.decode(),
            "vector_bytes": kernels.vector_bytes, "stored_bytes": kernels.stored_bytes,
            "width": kernels.width, "mr": kernels.mr, "nr": kernels.nr,
            "numpy_flops": kernels.numpy_flops}
