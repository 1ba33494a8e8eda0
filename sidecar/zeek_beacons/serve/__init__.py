"""The console's server: API and pages on a history or a result folder. Needs the extra `serve`."""
