"""The screens above the main one, one a file."""
