"""Several things at once, until the first of them ends."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from starlette.types import Receive


async def until_first(*works: Coroutine[Any, Any, Any]) -> set[int]:
    """Run ``works`` at once; when the first ends, cancel the others and return the numbers of those that ended.

    An error of one that ended is raised here.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        ended = {number for number, task in enumerate(tasks) if task.done()}
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for number in ended:
        outcome = outcomes[number]
        if isinstance(outcome, BaseException):
            raise outcome
    return ended


async def until_gone(receive: Receive) -> None:
    """Wait until the other side has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
