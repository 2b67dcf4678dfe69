"""The HTTP routes beside the pages: the API and the live camera.

Like `cli`, a place where the lab is entered: importing it loads no TensorFlow, so that the pages
start fast.
"""
