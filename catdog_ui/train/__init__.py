"""The pieces of the Train page, and what is told of a run elsewhere."""
