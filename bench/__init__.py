"""The benchmarks of `./run bench`: the product beside a bare server that does the same SQL, measured in one run."""
