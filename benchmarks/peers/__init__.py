"""Other frameworks under the same work, each in an environment of its own.

One file a framework: what to install, and a class `System` with three methods (see `work.py`). The
file is imported only inside the framework's own environment.
"""
