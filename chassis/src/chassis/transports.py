"""uvloop's transports, where the other side has closed: an outage that passes, and no fault of the program.

Between the end of a connection and its report, uvloop answers a write with RuntimeError; of asyncio's own transports, which say
nothing then, aiokafka and asyncpg were written for. In aiokafka it ends the task that sends, or the one that fetches, for good:
the process lives and neither publishes nor hears anything any more. So here it becomes the error that both know.
"""

from typing import Any, Final

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

_SAYS: Final = "handler is closed"

_send: Final = AIOKafkaConnection.send


def is_closed(error: BaseException) -> bool:
    """Tell whether an error says that a connection was written to after its end."""
    return isinstance(error, RuntimeError) and _SAYS in str(error)


def _send_or_break(connection: Any, request: Any, expect_response: bool = True) -> Any:  # noqa: FBT001, FBT002 - aiokafka's signature
    try:
        return _send(connection, request, expect_response)
    except RuntimeError as error:
        if not is_closed(error):
            raise
        connection.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(f"the connection was closed by the other side: {error}") from error


def heed_closed() -> None:
    """Have aiokafka take such an error for a broken connection."""
    AIOKafkaConnection.send = _send_or_break
