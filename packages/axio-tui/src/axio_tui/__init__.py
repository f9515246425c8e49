"""The command `axio` and what a front end needs besides: tools, prompts, one conversation."""
