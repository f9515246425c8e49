"""Pydantic AI with its DBOS integration: a workflow a session, a step a model call and a tool call.

Tools are steps by DBOS' decorator, as its page says.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

from dbos import DBOS, SetWorkflowID
from pydantic_ai import Agent, RunContext
from pydantic_ai.durable_exec.dbos import DBOSDurability
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models import Model

from benchmarks.peers import durable_work

REQUIRES = ("pydantic-ai-slim[dbos]==2.68.0", "dbos==3.4.0", "psycopg[binary]")


class Script(Model):
    model_name = "script"
    system = "script"

    async def request(self, messages: Any, settings: Any, parameters: Any) -> ModelResponse:
        answers = sum(isinstance(message, ModelResponse) for message in messages)
        parts: list[Any] = []
        for part in durable_work.turn(answers):
            if isinstance(part, str):
                parts.append(TextPart(part))
            else:
                id, name, pieces = part
                parts.append(ToolCallPart(name, json.loads("".join(pieces)), f"{id} {answers}"))
        return ModelResponse(parts=parts, timestamp=datetime.now(UTC), model_name="script")


agent = Agent(Script(), name="worker", deps_type=str, capabilities=[DBOSDurability()])


@DBOS.step()
async def step(session: str, key: str) -> str:
    return durable_work.change(session, key)


@agent.tool
async def change(context: RunContext[str], key: str) -> str:
    """Change something."""
    return await step(context.deps, key)


@DBOS.workflow()
async def session(name: str) -> str:
    return (await agent.run(durable_work.PROMPT, deps=name)).output


async def work(where: str, sessions: list[str]) -> None:
    DBOS(
        config={
            "name": "worker",
            "system_database_url": where,
            "application_version": "1",
            "log_level": "ERROR",
        }
    )
    DBOS.launch()
    free = asyncio.Semaphore(10)

    async def one(name: str) -> None:
        async with free:
            with SetWorkflowID(name):  # what was begun before is found by its id
                handle = await DBOS.start_workflow_async(session, name)
            await handle.get_result()

    await asyncio.gather(*map(one, sessions))
    DBOS.destroy()


if __name__ == "__main__":
    asyncio.run(durable_work.main(work))
