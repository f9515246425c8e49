"""Arguments become what the annotations say; what does not fit is explained to the model."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Annotated

from axio import Field, HandlerError, Tool


class Size(Enum):
    small = "small"
    large = "large"


@dataclass
class Item:
    name: str
    price: Annotated[float, Field(ge=0)]
    size: Size = Size.small


async def order(items: list[Item], due: date) -> str:
    """Order things.

    Args:
        items: What to order.
        due: When it must be here.
    """
    names = ", ".join(f"{item.size.value} {item.name}" for item in items)
    return f"{names} by {due:%d %B}"


tool = Tool(name="order", handler=order)


async def main() -> None:
    print(json.dumps(tool.input_schema["properties"]["due"]))
    good = [{"name": "cup", "price": 2.5, "size": "large"}]
    print(await tool(items=good, due="2026-12-24"))
    try:
        await tool(items=[{"name": "cup", "price": -1}], due="soon")
    except HandlerError as error:
        print(*str(error).split("; "), sep="\n")


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# {"type": "string", "format": "date", "description": "When it must be here."}
# large cup by 24 December
# Field 'items[0].price' must be >= 0, got -1
# Field 'due' requires date like '2026-01-31', got 'soon'
