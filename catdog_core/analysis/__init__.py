"""What a model does: predictions, evaluation, Grad-CAM, embeddings, the diagnosis of its curves.

Functions take a loaded `predict.Predictor` or a table of predictions and return arrays and plain
values; pages and commands draw them. Nothing is imported here: `predict`, `evaluate`, `gradcam` and
`activations` load TensorFlow, `diagnose`, `metrics` and `predictions` do not.
"""

__all__ = [
    "activations",
    "diagnose",
    "embedding",
    "evaluate",
    "gradcam",
    "group_comparison",
    "heatmap",
    "histories",
    "metrics",
    "plots",
    "predict",
    "predictions",
    "uncertainty",
]
