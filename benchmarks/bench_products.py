"""`pytest benchmarks`: the cases of the table's products under pytest-benchmark."""

from benchmarks.benched import of_table

test_products = of_table("products")
