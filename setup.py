"""Build fastla: one Cython source, compiled once for each row of TARGETS and each row of ELEMENTS.

The only place with compiler flags, block sizes and the list of what is built. See fastla/_native/README.md.
"""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

NATIVE = Path("fastla/_native")
STUBS = Path("build/stubs")
HEADER_FOLDERS = [str(NATIVE / folder) for folder in ("contract", "simd", "schedule", "runtime")]
NEVER = 1e300       # flops of no product
BLAS = {"float32", "float64"}       # what NumPy has a BLAS for; its loops for other types are never faster


@dataclass(frozen=True)
class Tile:
    """mr x nv vectors of registers, and the blocks packed around them: mc rows of a, kc deep, nc columns of b."""

    mr: int
    nv: int
    mc: int
    kc: int
    nc: int


@dataclass(frozen=True)
class Target:
    """An instruction set: flags name features, never a CPU, so that code generation does not hang on one model."""

    name: str
    machine: str
    flags: list[str]
    vector_bytes: int
    tiles: dict[int | str, Tile]        # by the element row's name, or else the computed element's size in bytes
    requires: str                       # CPU features, as cpu.c names them
    prefilters: bool                    # dot products of bytes beat those of reals (or it stands in for such a target)
    numpy_flops: float                  # from here on NumPy's BLAS is faster, or has not been measured to be slower
    test_only: bool = False             # for tests: never chosen by itself, and not in wheels


@dataclass(frozen=True)
class Element:
    """C types: read from memory, computed in, written to memory; and which kernels are compiled over them."""

    name: str                           # the dtype that is stored, and that of results where it is another
    stored: str
    computed: str
    output: str
    size: int                           # of the computed type
    families: list[str]                 # of kernels: the folder and file that includes them
    load: str = "load"                  # vec.h's function that makes a vector of the computed type of stored ones
    width: int = 1                      # numbers in an element


# Best first: the first that the CPU can run is taken at import. VNNI, which the first CPUs with AVX-512 lack,
# multiplies bytes. "wide" is for tests alone: it has the tiles and edges of 64-byte vectors on machines without AVX-512
# (the compiler splits each vector).
AVX512 = ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma", "-mf16c"]
AVX512_TILES = {4: Tile(8, 3, 48, 1024, 1056), 8: Tile(8, 3, 48, 768, 1032)}
TARGETS = [
    Target("avx512vnni", "x86_64", [*AVX512, "-mavx512vnni"], 64, AVX512_TILES,
           "avx2 fma f16c avx512f avx512bw avx512dq avx512vl avx512_vnni", True, NEVER),
    Target("avx512", "x86_64", AVX512, 64, AVX512_TILES,
           "avx2 fma f16c avx512f avx512bw avx512dq avx512vl", False, NEVER),
    Target("avx2", "x86_64", ["-mavx2", "-mfma", "-mf16c"], 32,
           # int8: its products pass through a register of their own before they are added.
           {4: Tile(4, 3, 48, 1024, 1056), 8: Tile(4, 3, 48, 768, 1032), "int8_float32": Tile(4, 2, 48, 1024, 1056)},
           "avx2 fma f16c", False, NEVER),
    Target("baseline", "x86_64", ["-march=x86-64-v2"], 16,
           {4: Tile(4, 2, 48, 1024, 1056), 8: Tile(4, 2, 48, 768, 1032)}, "sse3 ssse3 sse4_1 sse4_2 popcnt",
           False, NEVER),
    Target("wide", "x86_64", ["-mavx2", "-mfma", "-mf16c"], 64,
           {4: Tile(4, 2, 32, 64, 128), 8: Tile(4, 2, 32, 64, 128)}, "avx2 fma f16c", True, NEVER, test_only=True),
    Target("neon", "aarch64", [], 16, {4: Tile(8, 2, 48, 1024, 1056), 8: Tile(8, 2, 48, 768, 1032)}, "neon", False, 0),
]

FAMILIES = ["products/family", "search/family"]
REAL_FAMILIES = [
    *FAMILIES, "rows/family", "products/cosine", "simd/vmath", "rows/softmax/family", "attention/family",
    "eigen/family", "layers/family",
]
ELEMENTS = [
    Element("float32", "float", "float", "float", 4, REAL_FAMILIES),
    Element("float64", "double", "double", "double", 8, REAL_FAMILIES),
    Element("float16_float32", "uint16_t", "float", "float", 4, ["search/family"], "load_float16"),
    Element("bfloat16_float32", "uint16_t", "float", "float", 4, ["search/family"], "load_bfloat16"),
    Element("int8_float32", "int16_t", "int32_t", "float", 4, ["search/family"], "load_int8", 2),
    Element("int32", "int32_t", "int32_t", "int32_t", 4, ["products/family"]),
]

# -fwrapv: integer products wrap around as NumPy's do. No -std=c11: it turns contraction into FMA off. No -ffast-math:
# it sets flush-to-zero for the whole process. The warnings that are off: GCC's note on passing wide vectors (they are
# never passed, all is inlined), one it gives for pieces of a vector's copy that cannot be reached (vec.h), and shared
# pieces that a row does not use.
FLAGS = ["-O3", "-g0", "-fwrapv", "-fvisibility=hidden", "-ffp-contract=fast", "-Wno-psabi", "-Wno-stringop-overflow",
         "-Wno-unused-function"]
# Behind the flags of compilers and linkers, for a build of its own (tests/sanitize.sh).
EXTRA_FLAGS = os.environ.get("FASTLA_BUILD_FLAGS", "").split()


def written(name: str, text: str) -> Path:
    """A file of the build, touched only where its text is new."""
    file = STUBS / name
    if not file.exists() or file.read_text() != text:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return file


def headers(*folders: str) -> list[str]:
    """The headers whose edits rebuild a module."""
    return [str(path) for folder in folders for path in sorted((NATIVE / folder).glob("*.h"))]


def kernel_extension(target: Target, element: Element) -> Extension:
    """The stub of one target and element row, and how it is compiled."""
    name = f"{target.name}_{element.name}"
    tile = target.tiles.get(element.name, target.tiles[element.size])
    macros = {
        "STORED": element.stored, "REAL": element.computed, "OUTPUT": element.output,
        "LOAD_STORED": element.load, "ELEMENT_WIDTH": element.width,
        "TYPE_STORED": f"TYPE_{element.name.partition('_')[0]}",
        "PREFILTERS": int(target.prefilters and element.computed == "float"),
        "STORED_IS_REAL": int(element.stored == element.computed),
        "REAL_BYTES": element.size, "VECTOR_BYTES": target.vector_bytes, "TILE_MR": tile.mr, "TILE_NV": tile.nv,
        "NUMPY_FLOPS": float(target.numpy_flops if element.name in BLAS else NEVER),
        "BLOCK_MC": tile.mc, "BLOCK_KC": tile.kc, "BLOCK_NC": tile.nc,
        # Every `cdef inline` really is inlined: a tile has its sizes as literals only then.
        "CYTHON_INLINE": "__inline__ __attribute__((always_inline))",
        "TARGET_NAME": f'"{target.name}"', "ELEMENT_NAME": f'"{element.name}"',
    }
    # The row stands in the stub, so that editing the table rebuilds what it is about. The path is relative to the stub.
    text = f"# Written by setup.py: {FLAGS + target.flags + EXTRA_FLAGS} {macros}\n"
    text += "".join(f'include "../../{NATIVE / part}.pxi"\n' for part in ["contract/module", *element.families])
    stub = written(f"{name}.pyx", text)
    return Extension(
        f"fastla._native.{name}", [str(stub)], include_dirs=HEADER_FOLDERS,
        define_macros=[(key, str(value)) for key, value in macros.items()],
        extra_compile_args=FLAGS + target.flags + EXTRA_FLAGS, extra_link_args=EXTRA_FLAGS,
        depends=headers("contract", "simd", "schedule"),
    )


# Thread-locals of a library that Python loads are else made when a thread first uses them, and glibc ends the process
# where there is no memory then. So they are in the space that every thread begins with, which is small: keep them to
# some 100 bytes. (musl makes them early anyway, and refuses to load a library with these.)
TLS_FLAGS = ["-ftls-model=initial-exec"] if platform.libc_ver()[0] == "glibc" else []


def core_extension(targets: list[Target]) -> Extension:
    """The part that knows Python: arrays to pointers, threads, scratch."""
    rows = "|".join(f"{target.name}={target.requires}" for target in targets)
    test_only = " ".join(target.name for target in targets if target.test_only)
    sources = ["core/fastla_core.pyx", "runtime/pool.c", "runtime/cpu.c", "runtime/scratch.c"]
    return Extension(
        "fastla._native.fastla_core", [str(NATIVE / source) for source in sources],
        include_dirs=[*HEADER_FOLDERS, numpy.get_include()],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"), ("FASTLA_TARGETS", f'"{rows}"'),
                       ("FASTLA_TEST_ONLY", f'"{test_only}"')],
        extra_compile_args=FLAGS + TLS_FLAGS + EXTRA_FLAGS, extra_link_args=["-pthread", *EXTRA_FLAGS],
        depends=[str(written("targets", f"{rows} {test_only}")), *headers("contract", "runtime")],
    )


def extensions() -> list[Extension]:
    """Everything that this platform can run."""
    machine = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    chosen = os.environ.get("FASTLA_BUILD_TARGETS", "").split()         # a developer's shorter loop; all, by default
    targets = [target for target in TARGETS if target.machine == machine and (not chosen or target.name in chosen)]
    kernels = [kernel_extension(target, element) for target in targets for element in ELEMENTS]
    built = cythonize(
        [core_extension(targets), *kernels], build_dir="build/cython", nthreads=os.cpu_count() or 1,
        compiler_directives={"language_level": 3, "boundscheck": False, "wraparound": False, "cdivision": True,
                             "initializedcheck": False},
    )
    for extension in built:         # cythonize() loses `optional`
        extension.optional = not extension.name.rpartition(".")[2].startswith(("fastla_core", "baseline", "neon"))
    return built


def is_test_only(extension: Extension) -> bool:
    """Whether it is part of a target that is for tests alone."""
    module = extension.name.rpartition(".")[2]
    return any(target.test_only and module.startswith(f"{target.name}_") for target in TARGETS)


class Build(build_ext):
    """build_ext over all cores; what is for tests alone is built in place, as editable installs do, not for wheels."""

    def finalize_options(self) -> None:
        """As many compilers as cores, unless told otherwise."""
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()
        self.left_out = [] if self.inplace else [extension for extension in self.extensions if is_test_only(extension)]
        self.extensions = [extension for extension in self.extensions if extension not in self.left_out]

    def run(self) -> None:
        """Nor is what an earlier build in place has left where wheels are packed from."""
        for extension in self.left_out:
            Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
        super().run()


if __name__ == "__main__":
    setup(ext_modules=extensions(), cmdclass={"build_ext": Build})
