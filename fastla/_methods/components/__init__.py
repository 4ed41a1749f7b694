"""Principal components.

One model, and what it is made of:

    pca          by Gram matrices, or by block Krylov
    rows         passes over the rows of a data matrix, its mean taken off: X^T (X V), Gram matrices
    incremental  moments of rows that come in chunks
    gaussian     PCA as a probabilistic model
    estimator    scikit-learn's protocol
"""
