"""The place that programs import `Budget` from."""

from axio.run.budget import Budget, cost_of

__all__ = ("Budget", "cost_of")
