"""Known mistakes of rate limits."""

from tests.mutants.mutant import Change, Mutant, at

COMMON = "libs/common/src/clawback_common"
LIMITS = f"{COMMON}/http/rate_limits"
UNIT = "libs/common/tests/unit/test_rate_limits.py"
COSTS = "libs/common/tests/unit/test_http_costs.py"
SHARED = "libs/common/tests/integration/test_rate_limits.py"
COMPLIANCE = "services/compliance/tests/integration/test_rate_limits.py"

MUTANTS = (
    Mutant(
        "a forwarded address believed from anybody",
        (
            Change(
                f"{LIMITS}/clients.py",
                "if address is None or not any(address in network for network in trusted):",
                "if address is None:",
            ),
        ),
        at(UNIT, "test_a_client_cannot_change_its_address_by_a_header"),
    ),
    Mutant(
        "a forwarded address believed from loopback",
        (Change(f"{COMMON}/service/process.py", "proxy_headers=False", "proxy_headers=True"),),
        at(UNIT, "test_a_client_on_loopback_cannot_change_its_address_either"),
    ),
    Mutant(
        "no rate limit while Redis is away",
        (
            Change(
                f"{LIMITS}/limiter.py",
                "return self._local.take(buckets)",
                "return [bucket.limit.token_us for bucket in buckets]",
            ),
        ),
        at(
            SHARED,
            "test_when_redis_dies_in_the_middle_local_limits_apply",
            "test_without_redis_each_process_limits_alone_and_health_is_degraded",
        ),
    ),
    Mutant(
        "requests wait for Redis after it failed",
        (Change(f"{LIMITS}/buckets.py", "failures=1", "failures=1_000"),),
        at(SHARED, "test_redis_that_goes_silent_delays_one_request_and_local_limits_apply"),
    ),
    Mutant(
        "reads and notices share one budget",
        (
            Change(
                f"{LIMITS}/budgets.py",
                'f"limits:{self._service}:{name}:{client}"',
                'f"limits:{self._service}:{client}"',
            ),
        ),
        (
            *at(UNIT, "test_a_flood_of_reads_leaves_the_other_budgets_alone"),
            *at(COMPLIANCE, "test_a_flood_of_reads_delays_no_takedown"),
        ),
    ),
    Mutant(
        "slow reads use the capacity of commands",
        (Change(f"{COMMON}/http/middleware.py", 'if scope["method"] == "GET":', "if False:"),),
        at(COSTS, "test_slow_reads_do_not_use_the_capacity_of_commands"),
    ),
    Mutant(
        "a refused request takes a token",
        (Change(f"{LIMITS}/take.lua", "if not refused then", "if true then"),),
        at(SHARED, "test_a_token_is_taken_from_every_bucket_or_from_none"),
    ),
    Mutant(
        "idle buckets are kept",
        (Change(f"{LIMITS}/take.lua", ", 'PX', math.ceil(used[n] / 1000))", ")"),),
        at(SHARED, "test_a_key_expires_when_its_bucket_is_full"),
    ),
    Mutant(
        "a bucket for each invalid key",
        (
            Change(
                f"{LIMITS}/middleware.py",
                "    except Problem:\n        return None\n",
                '    except Problem:\n        return repr(scope["headers"])\n',
            ),
        ),
        at(UNIT, "test_invalid_keys_are_limited_by_address_and_create_no_bucket_each"),
    ),
)
