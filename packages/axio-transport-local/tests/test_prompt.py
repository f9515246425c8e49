"""How much of the model's window a text takes."""

from __future__ import annotations

import pytest

from axio_transport_local.prompt import cost


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("1234567890123456", 16),  # each digit is a token
        ("order 0042", 1 + 4),
        ("\u6771\u4eac", 2),
        ("", 0),
    ],
)
def test_the_cost_of_a_text_is_rather_more_than_less(text: str, tokens: int) -> None:
    assert tokens <= cost(text) <= 3 * tokens
