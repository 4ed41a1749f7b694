"""`pytest benchmarks`: the cases of the table's similarities and searches under pytest-benchmark."""

from benchmarks.benched import of_table

test_similarity = of_table("similarity")
