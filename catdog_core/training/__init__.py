"""One training: photos to batches, model, optimizer, phases, callbacks, and the loop over epochs.

`training_loop` reads from top to bottom, `pipeline` makes batches as a function of (seed, step),
`callbacks` feed the live curves. `execution` waits in the queue and only then loads TensorFlow, so
nothing is imported here.
"""

__all__ = [
    "callbacks",
    "ema",
    "epoch_weights",
    "execution",
    "features",
    "lr_finder",
    "optimizers",
    "phases",
    "pipeline",
    "speed_probe",
    "tensorboard_export",
    "time_estimate",
    "training_loop",
]
