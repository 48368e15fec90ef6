"""Single pictures and numbered ones: what a file is, its samples, and what it says of them."""
