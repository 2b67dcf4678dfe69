"""Where datasets come from: folders, archives, downloads, records of others."""
