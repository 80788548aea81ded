"""The errors that a user of the CLI is meant to read.

Each is one line that says what is wrong and what to do about it; `main` prints it without a traceback and exits with its code.
Anything else that escapes is a defect of Waybill and is shown as such.
"""


class WaybillError(Exception):
    """Something the user can act on; the message is one line and ends with what to do."""

    exit_code = 1
