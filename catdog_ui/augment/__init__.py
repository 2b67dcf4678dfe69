"""The pieces of the Augment page."""
