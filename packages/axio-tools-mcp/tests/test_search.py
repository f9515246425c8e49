"""Many tools: held back, found by words, appended at the end."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from axio import Agent, MemoryContextStore
from axio.testing import make_text_response, make_tool_use_response
from axio.tool import Tool
from axio_tools_mcp.search import ToolSearch, tokens_of
from support.watching import Watching


def tool(name: str, description: str = "", *parameters: str) -> Tool[Any]:
    async def handler(**kwargs: Any) -> str:
        return f"{name} was called"

    properties = {parameter: {"type": "string"} for parameter in parameters}
    schema: Any = {"type": "object", "properties": properties}
    return Tool(name=name, description=description or name, handler=handler, schema=schema)


MANY = [
    tool("issues__create_issue", "Open a new issue in a repository.", "title", "repository"),
    tool("issues__list_issues", "List the issues of a repository.", "repository", "state"),
    tool("mail__send_message", "Send an e-mail.", "recipient", "subject"),
    tool("calendar__createEvent", "Put something into the calendar.", "startTime", "attendees"),
    tool("files__delete_file", "Delete a file for good.", "path"),
    *(tool(f"other__tool_{n}", f"Does thing number {n}.") for n in range(100)),
]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("create an issue", "issues__create_issue"),
        ("list issues", "issues__list_issues"),
        ("recipient", "mail__send_message"),
        ("event attendees", "calendar__createEvent"),
        ("delete", "files__delete_file"),
        ("call other__tool_7 please", "other__tool_7"),
        ("repos", "issues__create_issue"),
        ("thing 7", "other__tool_7"),
    ],
)
def test_a_tool_is_found_by_name_description_parameter_or_beginning(query: str, first: str) -> None:
    found = ToolSearch(MANY).search(query)
    assert found[0].name == first
    assert len(found) <= 5


def test_words_that_fit_nothing_find_nothing() -> None:
    assert ToolSearch(MANY).search("zebra") == []
    assert ToolSearch(MANY).search("") == []


def test_tools_are_held_back_only_past_the_threshold() -> None:
    size = sum(map(tokens_of, MANY))
    assert ToolSearch.past_threshold(MANY, threshold=size) is None
    search = ToolSearch.past_threshold(MANY, threshold=size - 1)
    assert search is not None and "105 more" in search.tool.description
    always = [tool.name for tool in MANY[5:]]
    assert ToolSearch.past_threshold(MANY, always=always, threshold=size - 1) is None


async def test_found_tools_are_appended_at_the_end_and_stay() -> None:
    own = tool("own")
    search = ToolSearch(MANY)
    turns = [
        make_tool_use_response("find_tools", tool_input={"query": "delete a file"}),
        make_tool_use_response("find_tools", "call_2", {"query": "send mail message"}),
        make_tool_use_response("files__delete_file", "call_3", {"path": "x"}),
        make_text_response("Done."),
        make_text_response("Done again."),
    ]
    transport = Watching(turns)
    agent = Agent("", transport, [*MANY[:3], own, search.tool, *MANY[3:]], selector=search)
    store = MemoryContextStore()
    assert await agent.run("go", store) == "Done."
    names = [[tool.name for tool in request.tools] for request in transport.requests]
    assert names[0] == ["own", "find_tools"]
    for before, after in pairwise(names):
        assert after[: len(before)] == before  # what a provider has cached stays as it was
    assert names[2][:3] == ["own", "find_tools", "files__delete_file"]
    assert "mail__send_message" in names[2]
    results = [block for message in await store.get_history() for block in message.content]
    assert "files__delete_file was called" in str(results)
    await agent.run("more", store)
    assert [tool.name for tool in transport.requests[-1].tools] == names[-1]


async def test_another_conversation_has_a_set_of_its_own() -> None:
    search = ToolSearch(MANY)
    assert [t.name for t in await search.select([], [search.tool, *MANY])] == ["find_tools"]
