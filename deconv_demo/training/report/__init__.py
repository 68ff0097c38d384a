"""Measure what was trained and write it down: evaluation, benchmark, model card."""
