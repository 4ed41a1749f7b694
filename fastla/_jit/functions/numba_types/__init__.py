"""Types that Numba lacks, and their operations, as a user's compiled function meets them.

Each file is one of them, or what it is made of:

    emitted         a number while code is being emitted
    real            the number that it computes with, as wide as the array it works on
    real_math       exp, log, tanh and the like of that number
    captured_array  arrays that it reads
    known           objects and functions as constants
    pythonic        operations that Numba answers otherwise than Python and NumPy do
"""
