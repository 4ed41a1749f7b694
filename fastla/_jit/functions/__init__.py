"""Functions that only the user knows, compiled into callbacks over tiles.

From a call to the code that a kernel runs:

    user_function   what public functions call: a function described, found or compiled
    callables       the Python function behind whatever can be called
    bytecode        the names that it reads and writes
    captured        what those names stand for, read anew at every call
    kinds           numbers and arrays as compiled code reads them
    substitutes     what stands for them while it is compiled
    rewrite         it as Numba's intermediate representation, rewritten and compiled
    tile_function   the loop over a tile around it
    tile_pieces     what that loop is made of
    numba_types/    types that Numba lacks
"""
