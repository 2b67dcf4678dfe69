"""Seeded mutations of good files, replayed against the doors strangers' files come through."""
