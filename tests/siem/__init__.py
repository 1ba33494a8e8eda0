"""What packaging/siem holds: taken by the parsers of the projects that it is for, and true of our logs and alerts."""
