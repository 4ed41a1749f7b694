"""PageRank of the standard library's import graph: the modules that all of it leans on.

    python -m benchmarks.pagerank [--top 15] [--damping 0.85]

The sources are read with ast, not imported. A module links to those that it imports, wherever in its text; a random
reader follows a link with probability `damping` and opens any module else. The reader's Markov matrix is a
fastla.linear_operator; its dominant eigenvector, by fastla.power_iteration, is the PageRank. It is held against a
direct solution of the linear system.
"""

from __future__ import annotations

import argparse
import ast
import sys
import sysconfig
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

import fastla


def modules() -> dict[str, Path]:
    """Every module of the standard library that has a source, but its tests."""
    library = Path(sysconfig.get_path("stdlib"))
    found = {}
    for path in sorted(library.rglob("*.py")):
        parts = path.relative_to(library).with_suffix("").parts
        if {"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3"} & set(parts) or not all(
            map(str.isidentifier, parts)
        ):
            continue
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, known: set[str]) -> set[str]:
    """The known modules that a module imports."""
    package = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8", errors="replace"))):
        if isinstance(node, ast.Import):
            candidates = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = (
                ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
                if node.level
                else node.module
            )
            candidates = [f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base for alias in node.names]
        else:
            continue
        found.update(c for c in candidates if c in known)
    return found - {name}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--top", type=int, default=15)
    parser.add_argument("--damping", type=float, default=0.85)
    arguments = parser.parse_args()
    paths = modules()
    names = list(paths)
    number = {name: i for i, name in enumerate(names)}
    edges = [
        (number[name], number[other])
        for name in tqdm(names, desc="imports", unit="module")
        for other in sorted(imports(name, paths[name], set(names)))
    ]
    source, target = np.array(edges).T
    n, d = len(names), arguments.damping
    links = np.bincount(source, minlength=n)

    def step(rank: np.ndarray) -> np.ndarray:
        """Where readers are after one more step."""
        share = d * rank / np.maximum(links, 1)
        lost = (rank * np.where(links, 1 - d, 1)).sum()  # those without links open any module
        return np.bincount(target, share[source], n) + lost / n

    reader = fastla.linear_operator((n, n), step, dtype=float)
    start = time.perf_counter()
    result = fastla.power_iteration(reader, v0=np.full(n, 1 / n), tol=1e-12)
    seconds = time.perf_counter() - start
    rank = result.vector / result.vector.sum()
    print(
        f"{n} modules, {len(edges)} imports; eigenvalue {result.value:.12f}, {result.iterations} products, "
        f"{1e3 * seconds:.1f} ms, converged: {result.converged}"
    )
    for i in np.argsort(-rank)[: arguments.top]:
        print(f"  {rank[i]:.4f}  {names[i]}")
    matrix = np.array([step(e) for e in np.eye(n)]).T
    exact = np.linalg.solve(np.vstack([(np.eye(n) - matrix)[:-1], np.ones(n)]), np.eye(n)[-1])
    print(f"a direct solution differs by {np.abs(exact - rank).max():.1e}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
