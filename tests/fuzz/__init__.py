"""Seeded mutations of good files, replayed against the functions that take files from outside."""
