"""The pieces of the Evaluate page."""
