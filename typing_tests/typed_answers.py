"""Type checkers know the type of an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypedDict, assert_type

from axio import Agent, AgentStream, Field, MemoryContextStore, Tool
from axio.budget import Budget
from axio.output import OutputStream
from axio.testing import StubTransport


@dataclass
class Weather:
    celsius: float


class Point(TypedDict):
    x: int


async def answers(agent: Agent) -> None:
    context = MemoryContextStore()
    assert_type(await agent.run("?", context), str)
    assert_type(await agent.run("?", context, budget=Budget(requests=1)), str)
    assert_type(await agent.run("?", context, output=Weather), Weather)
    assert_type(await agent.run("?", context, output=Point, output_tries=2), Point)
    assert_type(await agent.run("?", context, output=int), int)
    assert_type(agent.run_stream("?", context), AgentStream)
    stream = agent.run_stream("?", context, output=Weather)
    assert_type(stream, OutputStream[Weather])
    assert_type(await stream.get_output(), Weather)
    assert_type(agent.resume(context), AgentStream)


async def answers_of_other_types(agent: Agent) -> None:
    """A union is not a class: its type is the one that the program writes."""
    context = MemoryContextStore()
    found: Weather | None = await agent.run("?", context, output=Weather | None)
    unit: str = await agent.run("?", context, output=Literal["C", "F"])
    degrees = agent.run_stream("?", context, output=Annotated[float, Field(ge=-273.15)])
    measured: float = await degrees.get_output()
    print(found, unit, measured)


async def handler(x: int) -> str:
    return str(x)


def contexts() -> None:
    tool = Tool(name="t", handler=handler, context=Weather(1.0))
    assert_type(tool, Tool[Weather])
    assert_type(tool.context, Weather)
    assert_type(Agent("", StubTransport(), tools=[tool]).max_iterations, int)
