"""Makes the file of public knowledge from published lists."""
