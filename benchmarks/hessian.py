"""The sharpest directions of a loss: top eigenvalues of the Hessian of a logistic regression on scikit-learn's digits.

    python -m benchmarks.hessian [--steps 300] [-k 6]

The Hessian is never formed: eigsh is given its product with a vector, fastla.linear_operator. Along the training by
gradient descent the top eigenvalue is followed, as in studies of the edge of stability; at the end it is held against
LAPACK's on the whole Hessian.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from tqdm import tqdm

import fastla
from fastla._eigen import LinearOperator


class SoftmaxRegression:
    """Weights (classes, features) of a multinomial logistic regression, L2-regularised."""

    def __init__(self, x: np.ndarray, y: np.ndarray, penalty: float = 1e-3) -> None:
        self.x, self.penalty = x, penalty
        self.targets = np.eye(y.max() + 1)[y]
        self.shape = (self.targets.shape[1], x.shape[1])
        self.weights = np.zeros(self.shape)

    def probabilities(self) -> np.ndarray:
        """Of each class for each row."""
        z = fastla.matmul(self.x, self.weights.T)
        p = np.exp(z - z.max(1, keepdims=True))
        return p / p.sum(1, keepdims=True)

    def loss(self) -> float:
        """The mean cross entropy and the penalty."""
        return float(
            -np.log((self.probabilities() * self.targets).sum(1)).mean()
            + self.penalty / 2 * np.square(self.weights).sum()
        )

    def gradient(self) -> np.ndarray:
        """Of the loss."""
        return (
            fastla.matmul((self.probabilities() - self.targets).T, self.x) / len(self.x) + self.penalty * self.weights
        )

    def hessian(self) -> LinearOperator:
        """The loss's second derivative at these weights, as an operator."""
        p, size = self.probabilities(), int(np.prod(self.shape))

        def product(v: np.ndarray) -> np.ndarray:
            direction = v.reshape(self.shape)
            z = fastla.matmul(self.x, direction.T)
            curved = p * (z - (p * z).sum(1, keepdims=True))
            return (fastla.matmul(curved.T, self.x) / len(self.x) + self.penalty * direction).ravel()

        return fastla.linear_operator((size, size), product, dtype=float)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300, help="of gradient descent")
    parser.add_argument("-k", type=int, default=6, help="eigenvalues at the end")
    arguments = parser.parse_args()
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = np.column_stack([digits.data / 16, np.ones(len(digits.data))])
    model = SoftmaxRegression(x, digits.target)
    with tqdm(range(arguments.steps), desc="training", unit="step") as bar:
        for step in bar:
            model.weights -= 0.5 * model.gradient()
            if step % 25 == 0:
                top = fastla.eigsh(model.hessian(), k=1, tol=1e-6, return_eigenvectors=False)[0]
                bar.set_postfix(loss=f"{model.loss():.4f}", sharpness=f"{top:.4f}")
    accuracy = (model.probabilities().argmax(1) == digits.target).mean()
    print(f"loss {model.loss():.4f}, accuracy {accuracy:.1%} after {arguments.steps} steps")
    operator = model.hessian()
    start = time.perf_counter()
    w, _ = fastla.eigsh(operator, k=arguments.k, which="LA", tol=1e-8)
    seconds = time.perf_counter() - start
    print(
        f"top {arguments.k} of {operator.shape[0]} eigenvalues, {operator.products} products, {1e3 * seconds:.0f} ms:"
    )
    print("  " + "  ".join(f"{value:.6f}" for value in w[::-1]))
    whole = np.array([operator.matvec(e) for e in np.eye(operator.shape[0])])
    exact = np.linalg.eigvalsh((whole + whole.T) / 2)[::-1][: arguments.k]
    print(f"LAPACK on the whole Hessian differs by {np.abs(exact - w[::-1]).max():.1e}")
    result = fastla.power_iteration(model.hessian(), tol=1e-6)
    print(f"power_iteration: {result.value:.6f} in {result.iterations} products, converged: {result.converged}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
