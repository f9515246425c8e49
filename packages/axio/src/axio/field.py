"""Describe and bound the parameters of a tool. It lives in `axio.schema.field`."""

from axio.schema.field import *  # noqa: F403
