"""Networks as plain numbers and as Keras models, and what a stranger's file may hold."""
