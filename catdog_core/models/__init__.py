"""Networks: built from settings, loaded and saved, and files from outside checked before loading.

`keras_models` builds, loads and saves; `custom_network`, `compact_network` and `transfer` are what
it builds. `architecture` and `backbones` know layers and sizes without TensorFlow.
`untrusted_models` and `model_sandbox` look at a file from outside before Keras does. `memory`
bounds what a forward pass takes. Nothing is imported here, since half of the modules load
TensorFlow.
"""

__all__ = [
    "architecture",
    "backbones",
    "compact_network",
    "custom_network",
    "keras_models",
    "memory",
    "model_sandbox",
    "transfer",
    "untrusted_models",
]
