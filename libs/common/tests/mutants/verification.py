"""Known mistakes about what counts as proof, and about calls to addresses that others registered."""

from tests.mutants.mutant import Change, Mutant, at

CLIENT = "libs/common/src/clawback_common/http/guarded_client.py"
GUARDED = "libs/common/tests/unit/test_guarded_client.py"
TESTS = "services/compliance/tests/integration"

MUTANTS = (
    Mutant(
        "a time limit for each read and none for the whole",
        (
            Change(
                CLIENT,
                "            async with asyncio.timeout(self._timeout_s):\n"
                "                return await self._post(url, body, headers or {})\n",
                "            return await self._post(url, body, headers or {})\n",
            ),
        ),
        at(GUARDED, "test_a_slow_response_ends_after_the_total_time"),
    ),
    Mutant(
        "an encoded answer is decoded before it is measured",
        (
            Change(CLIENT, 'not in {"", "identity"}', "in ()"),
            Change(CLIENT, "response.aiter_raw()", "response.aiter_bytes()"),
        ),
        at(GUARDED, "test_a_gzip_bomb_is_refused_before_it_is_decompressed"),
    ),
    Mutant(
        "an answer is read whatever its size",
        (Change(CLIENT, "        if size > ANSWER_BYTES_MAX:\n", "        if size > 2**30:\n"),),
        at(GUARDED, "test_a_large_response_is_not_read_to_its_end"),
    ),
    Mutant(
        "an address is checked by its form alone",
        (Change(CLIENT, "        self._rules.check_addresses(addresses)\n", ""),),
        (
            *at(
                GUARDED,
                "test_a_name_that_resolves_elsewhere_after_the_registration_is_not_called",
                "test_other_ways_to_write_loopback_are_refused_in_production",
            ),
            *at(f"{TESTS}/test_addresses.py", "test_an_address_that_must_not_be_used_is_rejected"),
        ),
    ),
    Mutant(
        "the name is resolved again to connect",
        (Change(CLIENT, "Target(parsed.copy_with(host=one), name,", "Target(parsed, name,"),),
        at(GUARDED, "test_a_name_is_resolved_once_and_that_address_is_connected_to"),
    ),
    Mutant(
        "a redirect is followed to an address that nobody checked",
        (Change(CLIENT, "stream=True, follow_redirects=False", "stream=True, follow_redirects=True"),),
        at(GUARDED, "test_a_redirect_is_not_followed"),
    ),
    Mutant(
        "an IPv4 address inside an IPv6 address is public",
        (
            Change(CLIENT, "            found = found.ipv4_mapped\n", "            return True\n"),
            Change(
                CLIENT, "        if any(found in one for one in _TRANSLATED):\n            return False\n", ""
            ),
        ),
        at(GUARDED, "test_an_address_that_is_not_public_is_refused_in_production"),
    ),
)
