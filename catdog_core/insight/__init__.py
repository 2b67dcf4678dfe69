"""What a model makes of photos: its answers counted, and its insides shown."""
