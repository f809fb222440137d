"""Benches whole workloads: every query optimized, counted, audited, and held against somebody else's rewrites."""
