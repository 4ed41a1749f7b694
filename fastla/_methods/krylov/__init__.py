"""Block Krylov methods.

Of a symmetric operator, and of any for singular triplets:

    leading       eigsh: block Krylov, the probe, a last Rayleigh-Ritz
    block_krylov  thick-restart block Krylov: eigenpairs of a symmetric operator
    triplets      svds: Golub-Kahan, the probe, a last Rayleigh-Ritz
    golub_kahan   thick-restart block Golub-Kahan: singular triplets
    probe         the search for values that either missed
    pace          which of their steps are worth a look at the Ritz values
"""
