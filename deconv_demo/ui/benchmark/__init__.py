"""Benchmarks of the page in a real browser: how fast it answers."""
