"""The provider's message codes, and the exception for rejected requests."""

MESSAGES = {
    1000: "Invalid key",
    1001: "Profile not found",
    1002: "Authentication failure",
    1003: "Authorization failure",
    1004: "Too frequent calls",
    1005: "Format not supported for the profile",
    1006: "Invalid last_id",
    1007: "Invalid limit",
    1008: "Invalid sequence_id",
    1009: "Invalid number_of_slices",
    1010: "Invalid slice_number",
    1011: "number_of_slices is required",
    1012: "slice_number is required",
    1013: "Slicing is not permitted for this key",
    1016: "Invalid format",
    1018: "Too many consumers",
    1019: "Invalid relevance_percent",
    1020: "The query is too long",
    1021: "Invalid query",
    1022: "Unknown parameter",
    9002: "Unexpected error",
    9999: "An error has occurred",
}

STATUS = {1000: 401, 1001: 404, 1002: 401, 1003: 403, 1004: 429, 1013: 403, 1018: 429, 9002: 500, 9999: 500}
"""The natural HTTP status of a FAILURE; 400 for all others."""


class Refusal(Exception):
    """The request is answered with a FAILURE of this code."""

    def __init__(self, code: int, detail: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.message = MESSAGES.get(code, "An error has occurred") + (f": {detail}" if detail else "")


def status_of(code: int, rule: int | str) -> int:
    """Returns the HTTP status of a code under the setting `failure_status`."""
    return rule if isinstance(rule, int) else STATUS.get(code, 400)
