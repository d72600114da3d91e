"""The parts of the benchmarks: contestants, operations, worker processes, and the report."""
