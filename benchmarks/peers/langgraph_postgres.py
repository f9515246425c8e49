"""LangGraph with its PostgreSQL saver, on the work of `benchmarks.postgres`.

    python -m benchmarks.peers.langgraph_postgres DSN RUNS    # inside its environment

A graph of a model and its tools, every step stored before the next one begins, as axio does it.
Prints seconds of CPU and wall for one turn as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import cycle
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from benchmarks.measure import timed
from benchmarks.turns import PROMPT, changing, result_of

REQUIRES = ("langgraph==1.2.24", "langgraph-checkpoint-postgres==3.2.0", "psycopg[binary]==3.3.9")


@tool
async def change(key: str) -> str:
    """Change something."""
    return result_of(key)


def answer_of(turn: Any) -> AIMessage:
    text = "".join(part for part in turn if isinstance(part, str))
    calls = [
        {"id": part[0], "name": part[1], "args": json.loads("".join(part[2])), "type": "tool_call"}
        for part in turn
        if not isinstance(part, str)
    ]
    return AIMessage(text, tool_calls=calls)


async def main() -> None:
    dsn, runs = sys.argv[1], int(sys.argv[2])
    turns = changing()
    script = cycle(turns)

    async def model(state: MessagesState) -> dict[str, Any]:
        return {"messages": [answer_of(next(script))]}

    builder = StateGraph(MessagesState)
    builder.add_node("model", model)
    builder.add_node("tools", ToolNode([change]))
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", tools_condition)
    builder.add_edge("tools", "model")
    async with AsyncPostgresSaver.from_conn_string(dsn) as saver:
        await saver.setup()
        graph: Any = builder.compile(checkpointer=saver)
        config = {"configurable": {"thread_id": "session"}}
        with timed(runs * len(turns)) as timer:
            for _ in range(runs):
                prompt = {"messages": [("user", PROMPT)]}
                async for _ in graph.astream(prompt, config, durability="sync"):
                    pass
        print(json.dumps({"cpu": timer.sample.cpu, "wall": timer.sample.wall}))


if __name__ == "__main__":
    asyncio.run(main())
