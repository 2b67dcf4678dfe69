"""Photos packed for quick reading, and the race between the ways to read them."""
