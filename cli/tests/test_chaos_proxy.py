"""A link that can be hurt: it carries both ways, and late, one way only, or not at all as it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from chassis.testing import eventually
from waybill.chaos.links import Links
from waybill.chaos.proxy import Link, Manner
from waybill.embedded.places import free_ports
from waybill.errors import WaybillError

SHORT = 0.15


@dataclass
class Talk:
    """A client behind a link to a server that says everything again."""

    link: Link
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, what: bytes) -> None:
        self.writer.write(what)
        await self.writer.drain()

    async def hears(self, within: float = 5.0) -> bytes:
        async with asyncio.timeout(within):
            return await self.reader.readline()

    async def hears_nothing(self) -> None:
        with pytest.raises(TimeoutError):
            await self.hears(SHORT)


async def ends(reader: asyncio.StreamReader) -> bool:
    """Tell whether a connection ends without a word."""
    async with asyncio.timeout(5):
        try:
            return await reader.readline() == b""
        except ConnectionResetError:
            return True


@asynccontextmanager
async def talking(folder: Path, *, unix: bool = False) -> AsyncIterator[Talk]:
    near, far = free_ports(2)
    if unix:
        server = await asyncio.start_unix_server(echo, str(folder / "far"))
        link = Link("unix", folder / "near", folder / "far")
    else:
        server = await asyncio.start_server(echo, "127.0.0.1", far)
        link = Link("tcp", ("127.0.0.1", near), ("127.0.0.1", far))
    async with server:
        await link.open()
        reader, writer = (
            await asyncio.open_unix_connection(str(folder / "near"))
            if unix
            else await asyncio.open_connection("127.0.0.1", near)
        )
        try:
            yield Talk(link, reader, writer)
        finally:
            writer.close()
            await link.close()


@pytest.mark.parametrize("unix", [False, True])
async def test_a_link_carries_both_ways(tmp_path: Path, *, unix: bool) -> None:
    async with talking(tmp_path, unix=unix) as talk:
        await talk.say(b"one\n")
        assert await talk.hears() == b"one\n"
        await talk.say(b"x" * 300_000 + b"\n" if not unix else b"two\n")
        talk.writer.write_eof()
        heard = await talk.reader.read() if unix else b""
        assert heard in {b"two\n", b""}


@pytest.mark.parametrize("unix", [False, True])
async def test_a_connection_that_has_ended_on_both_sides_is_let_go(tmp_path: Path, *, unix: bool) -> None:
    async with talking(tmp_path, unix=unix) as talk:
        await talk.say(b"one\n")
        assert await talk.hears() == b"one\n"
        talk.writer.write_eof()
        assert await ends(talk.reader)

        async def is_let_go() -> bool:
            return not talk.link._halves  # noqa: SLF001 - nobody else needs to know

        await eventually(is_let_go, "both halves of the connection are closed")


async def test_what_is_late_comes_in_its_order(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        with talk.link.behaving(Manner(delay=0.2)):
            began = asyncio.get_running_loop().time()
            await talk.say(b"one\n")
            await talk.say(b"two\n")
            assert [await talk.hears(), await talk.hears()] == [b"one\n", b"two\n"]
            assert asyncio.get_running_loop().time() - began >= 0.4
        await talk.say(b"three\n")
        assert await talk.hears() == b"three\n"


@pytest.mark.parametrize("manner", [Manner(mute_there=True), Manner(mute_back=True)])
async def test_silence_keeps_what_is_said_until_it_is_over(tmp_path: Path, manner: Manner) -> None:
    async with talking(tmp_path) as talk:
        await talk.say(b"before\n")
        assert await talk.hears() == b"before\n"
        with talk.link.behaving(manner):
            await talk.say(b"one\n")
            await talk.hears_nothing()
        assert await talk.hears() == b"one\n"


async def test_a_cut_ends_what_is_connected_and_refuses_others(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        await talk.say(b"one\n")
        assert await talk.hears() == b"one\n"
        listens = talk.link.listens
        assert isinstance(listens, tuple)
        with talk.link.behaving(Manner(cut=True)):
            assert await ends(talk.reader)
            reader, writer = await asyncio.open_connection(*listens)
            writer.write(b"x\n")
            assert await ends(reader)
        reader, writer = await asyncio.open_connection(*listens)
        writer.write(b"again\n")
        assert await reader.readline() == b"again\n"
        writer.close()


async def test_nobody_behind_a_link_is_a_reset(tmp_path: Path) -> None:
    near, far = free_ports(2)
    link = Link("tcp", ("127.0.0.1", near), ("127.0.0.1", far))
    await link.open()
    reader, writer = await asyncio.open_connection("127.0.0.1", near)
    writer.write(b"x\n")
    assert await ends(reader)
    writer.close()
    await link.close()
    assert not (tmp_path / "near").exists()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
    writer.close()


async def answers(port: int) -> bool:
    """Tell whether somebody says everything again."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"again\n")
    try:
        return await reader.readline() == b"again\n"
    except ConnectionResetError:
        return False
    finally:
        writer.close()


async def test_links_in_a_process_of_their_own_do_as_they_are_told(tmp_path: Path) -> None:
    near, far = free_ports(2)
    planned = [
        Link("tcp", ("127.0.0.1", near), ("127.0.0.1", far)),
        Link("unix", tmp_path / "near", tmp_path / "far"),
    ]
    links = Links(planned)
    async with await asyncio.start_server(echo, "127.0.0.1", far), await asyncio.start_unix_server(echo, str(tmp_path / "far")):
        await links.open()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", near)
            other_reader, other_writer = await asyncio.open_unix_connection(str(tmp_path / "near"))
            async with asyncio.timeout(10):
                for wire, way in ((reader, writer), (other_reader, other_writer)):
                    way.write(b"hello\n")
                    assert await wire.readline() == b"hello\n"
                with links.by_name["tcp"].behaving(Manner(cut=True)):
                    assert await ends(reader)
                other_writer.write(b"still\n")
                assert await other_reader.readline() == b"still\n"
                while not await answers(near):
                    pass  # the process may not have heard yet that the cut is over
        finally:
            await links.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", near)


async def test_a_link_whose_address_is_taken_is_told(tmp_path: Path) -> None:
    links = Links([Link("unix", tmp_path / "no" / "such" / "folder", tmp_path / "far")])
    with pytest.raises(WaybillError, match=r"the links cannot be opened: .*No such file"):
        await links.open()
    await links.close()
