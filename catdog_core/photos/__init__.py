"""How photo files are read: parts of `images` and `health` below their doors."""
