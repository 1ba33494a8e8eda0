"""One console over many sensors: their histories, and other machines' `serve`, asked as if they were one file."""
