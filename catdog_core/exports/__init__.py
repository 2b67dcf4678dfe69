"""Models and runs as files for elsewhere, and runs that come from elsewhere."""
