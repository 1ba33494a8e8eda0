"""Days of a site in minutes, against real processes: whether memory and files stay as they are."""
