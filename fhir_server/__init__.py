"""The HTTP edge and the command line: the only package that knows HTTP, and the one that composes all the others."""
