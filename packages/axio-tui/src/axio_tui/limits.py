"""The limits of a run, as the command line names them."""

from __future__ import annotations

import argparse

from axio.budget import Budget

__all__ = ("budget_of",)


def budget_of(args: argparse.Namespace) -> Budget | None:
    """None without a limit."""
    limits = (args.max_tokens, args.max_cost, args.time_limit)
    if limits == (None, None, None):
        return None
    tokens, cost, seconds = limits
    return Budget(tokens=tokens, cost=cost, seconds=seconds)
