"""A conversation for any front end: all that can be done and tested without a terminal."""
