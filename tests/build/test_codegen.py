"""What the compiler made of the kernels: registers, FMAs and symbols of the built modules, disassembled."""

import functools
import importlib
import platform
import re
import shutil
import subprocess
from importlib.util import find_spec
from typing import NamedTuple

import pytest

from fastla import _core
from fastla._core import core

ROWS = sorted({*_core.ROWS.values(), *_core.SEARCH_ROWS.values()})
MODULES = [(target, row) for target in _core.built_targets() for row in ROWS]
# "wide" has 64-byte vectors on 32-byte registers: it is split, spills, and is for tests alone.
IN_REGISTERS = [(target, row) for target, row in MODULES if target != "wide"]
VECTOR_BYTES = {"baseline": 16, "avx2": 32, "avx512": 64, "avx512vnni": 64, "wide": 64}

pytestmark = [
    pytest.mark.skipif(not shutil.which("objdump") or not shutil.which("nm"), reason="needs objdump and nm (binutils)"),
    pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86-64 assembly"),
]


class Instruction(NamedTuple):
    address: int
    name: str
    operands: str

    @property
    def jump(self) -> int | None:
        """Where it jumps to."""
        found = re.match(r"([0-9a-f]+) ", self.operands + " ") if self.name.startswith("j") else None
        return int(found[1], 16) if found else None

    @property
    def vector(self) -> bool:
        return bool(re.search(r"%[xyz]mm\d", self.operands))

    @property
    def stack(self) -> int | None:
        """Which displacement from the stack pointer it accesses, if it does."""
        found = re.search(r"(-?)(?:0x([0-9a-f]+))?\(%rsp", self.operands)
        return None if not found else int(found[1] + (found[2] or "0"), 16)

    @property
    def stores(self) -> bool:
        """Whether the memory operand is written: in AT&T's order the last one is. cmp and test write nothing."""
        return self.operands.endswith(")") and not self.name.startswith(("cmp", "test", "vcomi", "vucomi"))

    @property
    def bytes(self) -> int:
        """Of a store: how many."""
        if self.name.startswith(("movs", "vmovs")) and "%xmm" in self.operands and not self.name.endswith("ups"):
            return 8 if self.name.endswith("d") else 4
        if re.search(r"mov[lh]p|movq|mov[lh]", self.name) and "%xmm" in self.operands:
            return 8
        for register, size in {"%zmm": 64, "%ymm": 32, "%xmm": 16, "%r": 8}.items():
            if register in self.operands.split("(")[0]:
                return size
        return 4


class Loop(NamedTuple):
    """An innermost loop."""

    body: list[Instruction]

    def count(self, pattern: str) -> int:
        return sum(bool(re.match(pattern, instruction.name)) for instruction in self.body)

    @property
    def multiplied(self) -> int:
        """Vectors multiplied and added in one turn."""
        fused = self.count(r"vfmadd\d+p|vpdpwssd")
        return fused or min(self.count(r"v?mulp|v?pmull|v?pmaddwd"), self.count(r"v?addp|v?paddd"))

    @property
    def scalars(self) -> int:
        """Numbers read from memory one by one: a's, one a row. Where the row's last vector is cut, one of b's too."""
        names = re.compile(r"vbroadcasts[sd]|v?movs[sd]|v?movddup|vpbroadcastd|v?movd$")
        spread = sum("{1to" in i.operands for i in self.body)
        return spread + sum(bool(names.match(i.name)) and "(" in i.operands.rsplit(",", 1)[0] for i in self.body)

    def stack_vectors(self) -> list[Instruction]:
        """Vector moves and arithmetic whose operand is on the stack."""
        return [instruction for instruction in self.body if instruction.vector and instruction.stack is not None]

    def buffers(self, vector_bytes: int) -> set[int]:
        """Where on the stack it puts a vector together from smaller pieces."""
        pieces = [i.stack for i in self.body if i.stack is not None and i.stores and i.bytes < vector_bytes]
        places = {i.stack for i in self.stack_vectors()}
        return {place for place in places if any(place <= piece < place + vector_bytes for piece in pieces)}

    def __str__(self) -> str:
        return "\n".join(f"{i.address:x}: {i.name} {i.operands}" for i in self.body)


def path(target: str, row: str) -> str:
    return find_spec(f"fastla._native.{target}_{row}").origin


@functools.cache
def disassembly(file: str) -> str:
    command = ["objdump", "-d", "--no-show-raw-insn", "-M", "att", file]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def innermost_loops(code: list[Instruction]) -> list[Loop]:
    """The natural loops that hold no other: whatever leads back to a jump's target without passing it."""
    index = {instruction.address: i for i, instruction in enumerate(code)}
    after: list[list[int]] = []
    for i, instruction in enumerate(code):
        following = [index[instruction.jump]] if instruction.jump in index else []
        if i + 1 < len(code) and not instruction.name.startswith(("jmp", "ret", "notrack", "ud2")):
            following.append(i + 1)
        after.append(following)
    before: list[list[int]] = [[] for _ in code]
    for i, following in enumerate(after):
        for j in following:
            before[j].append(i)

    tails: dict[int, list[int]] = {}        # of a loop's head: where it is jumped back from
    state = [0] * len(code)                 # 1: on the way from the root, 2: done
    for root in range(len(code)):           # more than one where a table of jumps hides the way
        way = [(root, iter(after[root]))] if not state[root] else []
        state[root] = state[root] or 1
        while way:
            node, rest = way[-1]
            following = next(rest, None)
            if following is None:
                state[node] = 2
                way.pop()
            elif state[following] == 1:
                tails.setdefault(following, []).append(node)
            elif not state[following]:
                state[following] = 1
                way.append((following, iter(after[following])))
    bodies = []
    for head, found in tails.items():
        body, open_ends = {head}, list(found)
        while open_ends:
            node = open_ends.pop()
            if node not in body:
                body.add(node)
                open_ends += before[node]
        bodies.append(body)
    return [Loop([code[i] for i in sorted(body)]) for body in bodies if len(body & tails.keys()) == 1]


@functools.cache
def k_loops(file: str) -> list[Loop]:
    """The loops over k of every tile: the innermost loops of micro_kernel_any that multiply and add."""
    blocks = disassembly(file).split("\n\n")
    functions = [block for block in blocks if re.match(r"\s*[0-9a-f]+ <\w*micro_kernel_any", block)]
    assert functions, f"no function micro_kernel_any in {file}: stripped, or renamed?"
    return [loop for loop in loops_of(functions) if loop.multiplied]


def loops_of(functions: list[str]) -> list[Loop]:
    """The innermost loops of disassembled functions."""
    loops = []
    for function in functions:
        lines = re.findall(r"^\s+([0-9a-f]+):\s+(\S+)[ \t]*([^\n]*)$", function, flags=re.MULTILINE)
        code = [Instruction(int(address, 16), name, operands.split(" <")[0].split("#")[0].strip())
                for address, name, operands in lines]
        loops += innermost_loops(code)
    return loops


def tile(target: str, row: str) -> tuple[int, int]:
    """mr, and how many vectors a full tile has."""
    if missing := _core.missing_features(target):
        pytest.skip(f"cannot ask the module for its tile without {', '.join(missing)}")
    described = core.describe(importlib.import_module(f"fastla._native.{target}_{row}").kernels)
    lanes = described["vector_bytes"] // (8 if row == "float64" else 4)
    return described["mr"], described["mr"] * described["nr"] // lanes


def full_tiles(target: str, row: str) -> list[Loop]:
    """The loops over k of the full tile, all of whose vectors are whole."""
    rows, vectors = tile(target, row)
    found = [
        loop for loop in k_loops(path(target, row))
        if loop.multiplied == vectors and loop.scalars <= rows and not any("{%k" in i.operands for i in loop.body)
    ]
    assert found, f"no loop of {vectors} multiply-adds"
    return found


# --- registers --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("target", "row"), IN_REGISTERS)
def test_the_full_tile_stays_in_registers(target, row):
    """Vectors without exception. Of the rows' strides some may be read anew, where they are more than registers."""
    rows, _ = tile(target, row)
    for loop in full_tiles(target, row):
        assert not loop.stack_vectors(), f"spilled:\n{loop}"
        scalars = [i for i in loop.body if i.stack is not None]
        assert not [i for i in scalars if i.stores], f"a counter or pointer lives on the stack:\n{loop}"
        assert len(scalars) <= rows // 2, f"{len(scalars)} reloads from the stack:\n{loop}"


@pytest.mark.parametrize(("target", "row"), IN_REGISTERS)
def test_the_full_tiles_loop_is_nothing_but_loads_and_multiply_adds(target, row):
    """No jump but the loop's own, no call, and no arithmetic beyond the tile's: one FMA for each of its vectors."""
    _, vectors = tile(target, row)
    for loop in full_tiles(target, row):
        assert loop.count("j") == 1, str(loop)
        assert loop.count("call") == 0, str(loop)
        if (target, row) == ("avx512vnni", "int8_float32"):
            assert (loop.count("vpdpwssd"), loop.count("v?paddd")) == (vectors, 0), str(loop)
        elif row in ("int32", "int8_float32"):
            assert (loop.count("v?pmull|v?pmaddwd"), loop.count("v?paddd")) == (vectors, vectors), str(loop)
        elif target == "baseline":
            converted = 2 if row == "float16_float32" else 0        # its exponents are shifted by a product
            assert (loop.count("mulp"), loop.count("addp")) == (vectors + converted, vectors), str(loop)
        else:
            assert loop.count("vfmadd") == vectors, str(loop)
            assert loop.count("vmul|vadd") == 0, str(loop)


@pytest.mark.parametrize(("target", "row"), IN_REGISTERS)
def test_no_tile_spills(target, row):
    """Tiles at the edges too. Only a cut vector may go through the stack, where there are no masks."""
    loops = [loop for loop in k_loops(path(target, row)) if loop.multiplied > 1]
    assert len(loops) >= 5, "where are the edges' tiles?"
    spilled = []
    for loop in loops:
        buffers = loop.buffers(VECTOR_BYTES[target])
        # Without F16C a conversion has more constants than registers: they are reloaded, nothing is stored.
        reloads = (target, row) == ("baseline", "float16_float32")
        spills = [f"{i.name} {i.operands}" for i in loop.stack_vectors()
                  if i.stack not in buffers and not (reloads and not i.stores)]
        if spills:
            spilled.append(f"loop of {loop.multiplied} multiply-adds at {loop.body[0].address:x}: {'; '.join(spills)}")
    assert not spilled, "\n".join(spilled)


# Without F16C a conversion has constants in half of the registers.
SCORED = [(t, r) for t, r in IN_REGISTERS
          if r in _core.SEARCH_ROWS.values() and (t, r) != ("baseline", "float16_float32")]


@pytest.mark.parametrize(("target", "row"), SCORED)
def test_a_score_tile_stays_in_registers(target, row):
    """The full tile that asks for its share of the next block."""
    _, vectors = tile(target, row)
    blocks = disassembly(path(target, row)).split("\n\n")
    functions = [block for block in blocks if re.match(r"\s*[0-9a-f]+ <\w*score_", block)]
    loops = [loop for loop in loops_of(functions) if loop.multiplied == vectors and loop.count("prefetch")]
    assert loops
    for loop in loops:
        assert not loop.stack_vectors(), f"spilled:\n{loop}"


@pytest.mark.parametrize(("target", "row"), [(t, r) for t, r in SCORED if t in ("avx2", "baseline") and r != "float64"])
def test_wide_tiles_stay_in_registers(target, row):
    """One or two queries against all 48 rows of a block, where these are wider than a tile."""
    rows = {"avx2": 2, "baseline": 1}[target]
    width = 48 * 4 // VECTOR_BYTES[target]
    blocks = disassembly(path(target, row)).split("\n\n")
    functions = [block for block in blocks if re.match(r"\s*[0-9a-f]+ <\w*(wide_tiles|score_)", block)]
    loops = [loop for loop in loops_of(functions) if loop.multiplied in {width * (i + 1) for i in range(rows)}]
    loops = [loop for loop in loops if not loop.count("prefetch|v?cmpl?e?p")]
    assert {loop.multiplied for loop in loops} == {width * (i + 1) for i in range(rows)}
    for loop in loops:
        assert not loop.stack_vectors(), f"spilled:\n{loop}"


@pytest.mark.parametrize("row", ["float32", "float16_float32", "bfloat16_float32"])
def test_the_prefilter_stays_in_registers(row):
    """Of MR queries and a block's 48 rows, a dot product of bytes for each vector and nothing on the stack."""
    rows, vectors = tile("avx512vnni", row)
    loops = byte_loops(row, "score_")
    assert loops
    for loop in loops:
        assert loop.count("vpdpbusd") == vectors == rows * 3, str(loop)
        assert not [i for i in loop.body if i.stack is not None], f"spilled:\n{loop}"
        assert loop.count("j") == 1, str(loop)


def byte_loops(row, name):
    """The loops that multiply bytes in functions of that name."""
    blocks = disassembly(path("avx512vnni", row)).split("\n\n")
    blocks = [block for block in blocks if re.match(rf"\s*[0-9a-f]+ <\w*{name}", block)]
    return [loop for loop in loops_of(blocks) if loop.count("vpdpbusd")]


LAYERED = [target for target, row in IN_REGISTERS if row == "float32"]


@pytest.mark.parametrize("target", LAYERED)
def test_quantized_layers_stay_in_registers(target):
    """Rows of x against a block's outputs: a product of quads or pairs for each vector, and nothing on the stack.

    A single row takes all 48 outputs at once: without AVX 12 sums, one or two of which wait on the stack.
    """
    mr, vectors = tile(target, "float32")
    rows = {"avx2": 3}.get(target, mr)          # levels.h
    product = "vpdpbusd" if target == "avx512vnni" else "v?pmaddwd"
    blocks = disassembly(path(target, "float32")).split("\n\n")
    functions = [block for block in blocks if re.match(r"\s*[0-9a-f]+ <\w*level_block", block)]
    loops = [loop for loop in loops_of(functions) if loop.count(product)]
    expected = {vectors // mr * m for m in (rows, 4, 2) if m <= rows} | {48 * 4 // VECTOR_BYTES[target]}
    assert {loop.count(product) for loop in loops} == expected
    for loop in loops:
        assert loop.count("j") == 1, str(loop)
        on_stack = [i for i in loop.body if i.stack is not None]
        assert len(on_stack) <= 4 * (loop.count(product) == 12 and target == "baseline"), f"on the stack:\n{loop}"


@pytest.mark.parametrize("target", LAYERED)
def test_weights_of_16_bits_are_widened_by_vectors(target):
    """A load, a conversion and a store: float16 by the CPU's own conversion where there is one, bfloat16 by a shift."""
    blocks = disassembly(path(target, "float32")).split("\n\n")
    functions = [block for block in blocks if re.match(r"\s*[0-9a-f]+ <\w*(block_sums|dot_outputs|panel_of)", block)]
    loops = [loop for loop in loops_of(functions) if not loop.multiplied and len(loop.body) <= 12]
    halves = [loop for loop in loops if loop.count("vcvtph2ps")]
    brains = [loop for loop in loops if loop.count("v?pslld") and loop.count("v?pmovzxwd|v?punpck.wd")]
    assert bool(halves) == (target != "baseline")
    assert brains
    for loop in [*halves, *brains]:
        assert loop.count("call") == 0, str(loop)
        assert not [i for i in loop.body if i.stack is not None], f"spilled:\n{loop}"


# --- instruction sets -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("target", "row"), MODULES)
def test_only_the_targets_instructions(target, row):
    text = disassembly(path(target, row))
    pairs = {"wide": "vpmulld", "avx512vnni": "vpdpwssd"}.get(target, "vpmaddwd")
    multiply = {"int32": "vpmulld", "int8_float32": pairs}.get(row, r"vfmadd\w+")
    assert "vpdp" not in text or target == "avx512vnni"
    if target == "baseline":
        assert not re.search(r"%[yz]mm|%k[0-7]\b", text)
        assert not re.search(r"\tv[a-df-z]\w+ ", text), "instructions in AVX's encoding"
        assert "%xmm" in text
    elif target in ("avx2", "wide"):
        assert not re.search(r"%zmm|%k[0-7]\b|%[xy]mm(1[6-9]|2\d|3[01])\b", text), "AVX-512"
        assert re.search(multiply + " .*%ymm", text)
    else:
        assert re.search(multiply + " .*%zmm", text)


def test_the_core_runs_anywhere():
    """fastla_core is loaded before the CPU is asked."""
    text = disassembly(core.__file__)
    assert not re.search(r"%[yz]mm|%k[0-7]\b", text)
    assert not re.search(r"\tv[a-df-z]\w+ ", text)


# --- symbols ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["fastla_core", *(f"{target}_{row}" for target, row in MODULES)])
def test_all_symbols_are_hidden_but_the_modules_entry(name):
    file = find_spec(f"fastla._native.{name}").origin
    command = ["nm", "-D", "--defined-only", "--format=posix", file]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert [line.split()[0] for line in lines] == [f"PyInit_{name}"]


@pytest.mark.parametrize(("target", "row"), MODULES)
def test_a_target_module_needs_neither_threads_nor_libm(target, row):
    """Pool, memory and CPU detection are the core's alone."""
    command = ["nm", "-D", "--undefined-only", "--format=posix", path(target, row)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    wanted = {line.split()[0].split("@")[0] for line in lines}
    assert not {name for name in wanted if re.match(r"pthread_|posix_memalign|malloc$|free$|fma|sched_", name)}
