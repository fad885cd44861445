"""Every benchmark, in the order of the table."""

from __future__ import annotations

from benchmarks.rows import append, bodies, fan_out, fetch, idle, mail, mixed, opening, search, sign_in, sort, store

BENCHMARKS = (
    *sign_in.BENCHMARKS,
    *fetch.BENCHMARKS,
    *bodies.BENCHMARKS,
    *store.BENCHMARKS,
    *append.BENCHMARKS,
    *search.BENCHMARKS,
    *sort.BENCHMARKS,
    *opening.BENCHMARKS,
    *mixed.BENCHMARKS,
    *fan_out.BENCHMARKS,
    *mail.BENCHMARKS,
    *idle.BENCHMARKS,
)
