"""Every benchmark, in the order of the table."""

from __future__ import annotations

from benchmarks.rows import append, bodies, fetch, sign_in, store

BENCHMARKS = (
    *sign_in.BENCHMARKS,
    *fetch.BENCHMARKS,
    *bodies.BENCHMARKS,
    *store.BENCHMARKS,
    *append.BENCHMARKS,
)
