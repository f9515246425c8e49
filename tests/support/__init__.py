"""Helpers that the tests of several packages share; importable from every test as `support`."""
