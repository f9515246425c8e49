"""The command `axio` and what a front end needs besides: tools, prompts, one conversation."""

__version__ = "1.0.0a1"
