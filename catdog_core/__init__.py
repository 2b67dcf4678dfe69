"""The library and command line of the CatDog Lab; knows nothing of Streamlit."""

import os

__version__ = "0.2.0"

# Read by TensorFlow when it first looks at a graphics card. By default the first process takes all
# of its memory, and a server that has a model loaded would leave none to the training.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
