"""What a model does: predictions, evaluation, Grad-CAM, embeddings, the diagnosis of its curves.

Functions take a loaded `predict.Predictor` or a table of predictions and return arrays and plain
values; pages and commands draw them.
"""
