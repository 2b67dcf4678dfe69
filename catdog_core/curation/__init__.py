"""What is wrong with a dataset, what people decide about it, and how it is divided."""
