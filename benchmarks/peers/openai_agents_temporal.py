"""OpenAI's Agents SDK with its Temporal integration: a workflow a session, an activity a model call
and a tool call."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta
from typing import Any

from agents import Agent, ModelProvider, ModelResponse, Runner, Usage
from agents.models.interface import Model
from openai.types import responses
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.openai_agents import ModelActivityParameters, OpenAIAgentsPlugin, workflow as tools
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from benchmarks.peers import durable_work

REQUIRES = (
    "openai-agents==0.22.3",
    "temporalio==1.35.0",
    "temporalio-openai-agents==1.1.0",
)

LIMIT = timedelta(seconds=3)  # from the start of an activity; a dead worker is seen after it


class Script(Model):
    async def get_response(self, *arguments: Any, **options: Any) -> Any:
        items = options["input"] if isinstance(options["input"], list) else []
        answers = sum(item.get("role") == "assistant" for item in items)
        output: list[Any] = []
        for part in durable_work.turn(answers):
            if isinstance(part, str):
                text = responses.ResponseOutputText(type="output_text", text=part, annotations=[])
                output.append(
                    responses.ResponseOutputMessage(
                        id=f"m{answers}",
                        type="message",
                        role="assistant",
                        status="completed",
                        content=[text],
                    )
                )
            else:
                id, name, pieces = part
                id = f"{id}_{answers}"
                output.append(
                    responses.ResponseFunctionToolCall(
                        type="function_call",
                        call_id=id,
                        name=name,
                        arguments="".join(pieces),
                        id=id,
                    )
                )
        return ModelResponse(output=output, usage=Usage(), response_id=None)

    def stream_response(self, *arguments: Any, **options: Any) -> Any:
        raise NotImplementedError("it does not stream")


class Provider(ModelProvider):
    def get_model(self, name: str | None) -> Model:
        return Script()


@activity.defn
async def change(key: str) -> str:
    """Change something."""
    return durable_work.change(activity.info().workflow_id or "", key)


@workflow.defn
class Session:
    @workflow.run
    async def run(self, prompt: str) -> str:
        tool = tools.activity_as_tool(change, start_to_close_timeout=LIMIT)
        agent = Agent(name="worker", model="script", tools=[tool])
        return str((await Runner.run(agent, prompt, max_turns=50)).final_output)


async def work(where: str, sessions: list[str]) -> None:
    os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"
    plugin = OpenAIAgentsPlugin(
        add_temporal_spans=False,
        model_params=ModelActivityParameters(start_to_close_timeout=LIMIT),
        model_provider=Provider(),
    )
    client = await Client.connect(where, plugins=[plugin])
    worker = Worker(
        client,
        task_queue="work",
        workflows=[Session],
        activities=[change],
        workflow_runner=UnsandboxedWorkflowRunner(),
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
    )
    free = asyncio.Semaphore(10)

    async def one(name: str) -> None:
        async with free:
            handle = await client.start_workflow(
                Session.run,
                durable_work.PROMPT,
                id=name,
                task_queue="work",
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            )
            try:
                await handle.result()
            except WorkflowFailureError as error:
                raise RuntimeError(f"{name}: {error.cause}") from error

    async with worker:
        await asyncio.gather(*map(one, sessions))


if __name__ == "__main__":
    asyncio.run(durable_work.main(work))
    sys.stdout.flush()
    os._exit(0)  # Temporal's threads sometimes abort a Python that ends
