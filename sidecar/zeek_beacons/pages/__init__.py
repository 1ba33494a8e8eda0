"""Pages: what the read model says, as HTML. Pure functions; the same templates make the console and report.html."""
