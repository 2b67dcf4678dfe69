"""What a training is made of: its folder, its process, its steps."""
