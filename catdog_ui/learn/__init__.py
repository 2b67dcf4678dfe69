"""The Learn page's pieces, and the terms that charts of all pages explain."""
