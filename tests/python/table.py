"""The table of results: one row per case.

    [{"operation": .., "case": .., "failure": null or text, "request_id": null or text}, ..]
"""

import traceback

from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException

ROWS = []


class Mismatch(Exception):
    pass


def same(what, found, expected):
    if found != expected:
        raise Mismatch(f"{what}: {found!r} in the place of {expected!r}")


def row(operation, case, run):
    """Adds a row for the case. Returns its result, or None if it failed."""
    result, failure, request_id = None, None, None
    try:
        result = run()
        if isinstance(result, ClientRequestException):
            request_id = result.request_id
    except ClientRequestException as error:
        failure, request_id = str(error), error.request_id
    except Mismatch as error:
        failure = str(error)
    except Exception:  # pylint: disable=broad-except
        failure = traceback.format_exc()
    ROWS.append({"operation": operation, "case": case, "failure": failure, "request_id": request_id})
    return result


def refused(operation, case, status, code, text, call):
    """Requires an SDK exception with the code, text and request ID of the service's error."""

    def run():
        try:
            answer = call()
        except ClientRequestException as error:
            same("status and code", (error.status_code, error.error_code), (status, code))
            if text not in error.error_msg:
                raise Mismatch(f"the text lacks {text!r}: {error.error_msg!r}") from error
            if not error.request_id:
                raise Mismatch("there is no request id") from error
            return error
        raise Mismatch(f"not refused: {answer!r}")

    row(operation, case, run)
