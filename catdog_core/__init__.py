"""The library and command line of the CatDog Lab; knows nothing of Streamlit."""

__version__ = "0.1.0"
