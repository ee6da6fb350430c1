"""One module a format: each reads a source into a network and a load report."""
