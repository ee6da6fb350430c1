"""The HTTP server and the command line: the only place that speaks either."""
