"""`pytest benchmarks`: the cases of the table's eigenpairs and components under pytest-benchmark."""

from benchmarks.benched import of_table

test_eigen = of_table("eigen")
