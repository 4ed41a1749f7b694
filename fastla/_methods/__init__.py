"""Eigensolvers in Python, a file a method, each to be read beside the papers that it cites.

A block of vectors is an array (count, n): its rows are the vectors, so that each lies adjacent in memory. What a
textbook
writes as an n x b matrix W is here the transpose of an array w of shape (b, n).

    tuning        which method for which problem: the table of measured crossovers
    operators     products with A: checked, counted, scaled
    native        the compiled kernels that all of them stand on
    leading       eigsh: block Krylov, the probe, a last Rayleigh-Ritz
    blocks        projections, orthonormal blocks, the sign of a vector
    wanted        the order that `which` asks for
    dense         LAPACK, for small matrices and many pairs
    block_krylov  thick-restart block Krylov: eigenpairs of a symmetric operator
    probe         the search for values that it missed
    golub_kahan   the same for singular triplets
    triplets      svds: Golub-Kahan, the probe, a last Rayleigh-Ritz
    power         power iteration
    rows          passes over the rows of a data matrix, its mean taken off: X^T (X V), Gram matrices
    pca           principal components by these
    incremental   moments of rows that come in chunks
    gaussian      PCA as a probabilistic model
    estimator     scikit-learn's protocol
    linear_operator  matrices given by functions
    scipy_route   what SciPy does, with the results' order and signs as ours
    convergence   NoConvergence
"""
