"""Starts load generators and waits for what they tell."""

import asyncio
import json
import sys
from dataclasses import asdict
from typing import Final, Self

from bench.generator import Outcome, Plan
from waybill.embedded.places import project_root
from waybill.errors import WaybillError

READY_SECONDS: Final = 60.0
ANSWER_SECONDS: Final = 60.0
_LINE_LIMIT: Final = 256 * 2**20


class Generator:
    """A generator process; use as a context, which ends it in any case."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bench.generator",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=project_root(),
            limit=_LINE_LIMIT,
        )
        await self._tell(json.dumps(asdict(self._plan)))
        await self._hear(READY_SECONDS)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def run(self) -> Outcome:
        """Send the load and answer what happened; raises WaybillError when the generator fails or hangs."""
        await self._tell("go")
        return Outcome.read(await self._hear(self._plan.seconds + ANSWER_SECONDS))

    async def enough(self) -> None:
        """End the load before its time; `run` answers soon."""
        await self._tell("enough")

    async def _tell(self, line: str) -> None:
        if self._process.stdin is None:
            raise BrokenPipeError("the generator has no standard input")
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()

    async def _hear(self, seconds: float) -> bytes:
        if self._process.stdout is None:
            raise BrokenPipeError("the generator has no standard output")
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), seconds)
        except TimeoutError:
            raise WaybillError(f"the load generator has not answered for {seconds:.0f} s: see what the gateway does") from None
        if not line:
            raise WaybillError("the load generator ended without an answer: its error stands above")
        return line
