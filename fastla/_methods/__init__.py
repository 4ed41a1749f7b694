"""Eigensolvers in Python, a file a method, each to be read beside the papers that it cites.

A block of vectors is an array (count, n): its rows are the vectors, so that each lies adjacent in memory. What a
textbook writes as an n x b matrix W is here the transpose of an array w of shape (b, n).

    tuning           which method for which problem: the table of measured crossovers
    operators        products with A: checked, counted, scaled
    linear_operator  matrices given by functions
    native           the compiled kernels that all of them stand on
    blocks           projections, orthonormal blocks, the sign of a vector
    wanted           the order that `which` asks for
    convergence      NoConvergence
    dense            LAPACK, for small matrices and many pairs
    power            power iteration
    scipy_route      what SciPy does, with the results' order and signs as ours
    krylov/          eigsh and svds: block Krylov methods and the search for what they missed
    components/      principal components
"""
