"""The parts of an augmentation: one change, mixing, sharing, and the same as code."""
