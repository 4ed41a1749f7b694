"""The choice between methods: measured crossovers. Figures: docs/eigen.md, "Measurements"."""

DENSE_SIDE = 200  # LAPACK up to here
DENSE_SHARE = 5  # and where more than one pair in so many is wanted
DENSE_SMALLEST = 3000  # LAPACK for the smallest in magnitude up to here; SciPy from here on

TRIANGLE_SIDE = 400  # from here on a product reads one triangle of A; below, all of it lies in L2
PROJECT_SIDE = 8192  # up to here one thread projects a block; beyond, products by all threads do
SMALL_SIDE = 256  # of a projected matrix; LAPACK beyond

BLOCK = 4  # vectors in a product
BASIS = 120  # a basis of 40 needs 900 products of a slow spectrum where this one needs 330
BASIS_PER_PAIR = 3  # of many pairs
KEEP = 0.5  # of the basis beyond the wanted pairs, at a restart
ROUNDING = 20  # c of the smallest residual that is asked for, c eps ||A||
LOOK_FIRST, LOOK_LAST = 2, 12  # steps between Rayleigh-Ritz: while residuals do not fall, and at most
LOOK_EARLY = 0.6  # of the steps that are left at the present pace
ATTEMPTS = 6  # at residuals that hold when they are computed anew

PROBE_GAP = 0.5  # the probe's residual, of the gap
PROBE_RISK = 0.1  # Kuczynski and Wozniakowski's delta
NEIGHBOURS_RISK = 0.01  # of deflated neighbours: the sum of (residual / gap)^2

GRAM_FEATURES = 500  # PCA by the d x d Gram matrix up to here; and for more than one component in GRAM_SHARE
GRAM_SHARE = 8
GRAM_KERNEL_FEATURES = 700  # the fused Gram pass up to here; beyond, products of tiles are as fast
GRAM_COLUMNS = 4  # block Krylov on X gives up after d / GRAM_COLUMNS columns, for the Gram matrix
PCA_BLOCK = 8
PCA_TOL = 1e-3  # a component's residual for float32 rows; the loss of variance is its square
PCA_TOL64 = 1e-8  # for float64 rows


def basis_size(k: int, block: int) -> int:
    """Vectors of a thick-restart basis for k pairs."""
    return max(BASIS, BASIS_PER_PAIR * k, k + 3 * block)


def is_dense(n: int, k: int) -> bool:
    """Whether LAPACK finds k pairs of an n x n array sooner."""
    return n <= DENSE_SIDE or DENSE_SHARE * k > n
