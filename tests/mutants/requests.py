"""Mistakes in what a stranger's request may cost."""

from tests.mutants.mutant import Change, Mutant, at

COMMON = "libs/common/src/clawback_common"
COSTS = "libs/common/tests/unit/test_http_costs.py"

MUTANTS = (
    Mutant(
        "a webhook's body hashed once a signature",
        (
            Change(
                "services/ingester/src/ingester/entrypoints/http/webhooks.py",
                "            hmac.compare_digest(expected, signature)\n"
                "            for expected in [_digest(secret, signed) for secret in self._secrets]\n"
                "            for signature in self._signatures\n",
                "            hmac.compare_digest(_digest(secret, signed), signature)\n"
                "            for secret in self._secrets\n"
                "            for signature in self._signatures\n",
            ),
        ),
        at(
            "services/ingester/tests/unit/test_webhooks.py",
            "test_a_body_is_hashed_once_per_secret_however_many_signatures_are_sent",
        ),
    ),
    Mutant(
        "a body read before the key is checked",
        (
            Change(
                f"{COMMON}/http/routing.py", "                gate.admit(request)\n", "                pass\n"
            ),
        ),
        at(COSTS, "test_a_body_is_not_read_before_the_key_is_checked"),
    ),
    Mutant(
        "half-open requests kept for ever",
        (Change(f"{COMMON}/http/protocol.py", "        if arriving is not None:\n", "        if False:\n"),),
        at(COSTS, "test_a_request_that_does_not_arrive_in_time_is_closed"),
    ),
)
