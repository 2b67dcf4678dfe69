"""Networks: built from settings, loaded and saved, and files from outside checked before loading.

`keras_models` builds, loads and saves. `architecture` and the tables know shapes without
TensorFlow. `untrusted_models` and `model_sandbox` look at a file from outside before Keras does.
`memory` bounds what a forward pass takes.
"""
