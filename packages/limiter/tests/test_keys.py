"""Who shares a budget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velo_limiter import RateLimitAlgorithm, RateLimitRule
from velo_limiter.keys import UNKNOWN_CLIENT, client_group, counter_name

RULE = RateLimitRule("r", 5, 60, RateLimitAlgorithm.TOKEN_BUCKET)


def test_an_ipv4_address_is_counted_by_itself() -> None:
    assert client_group("192.0.2.7") == "192.0.2.7"


@pytest.mark.parametrize("host", ["::ffff:192.0.2.7", "::FFFF:c000:207", "0:0:0:0:0:ffff:192.0.2.7"])
def test_an_ipv4_address_mapped_into_ipv6_is_that_address(host: str) -> None:
    assert client_group(host) == "192.0.2.7"


def test_ipv6_addresses_of_one_subscriber_share_a_budget() -> None:
    hosts = ["2001:db8:1:2::", "2001:db8:1:2::1", "2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:0db8:0001:0002:0:0:0:9", "2001:db8:1:2::9%eth0"]

    assert {client_group(host) for host in hosts} == {"2001:db8:1:2::/64"}
    assert client_group("2001:db8:1:3::1") == "2001:db8:1:3::/64"


@pytest.mark.parametrize("host", [None, ""])
def test_clients_without_an_address_share_one_budget(host: str | None) -> None:
    assert client_group(host) == UNKNOWN_CLIENT


@pytest.mark.parametrize("host", ["testclient", "/run/app.sock", "not:an:address", "[::1]"])
def test_what_is_no_address_is_counted_as_it_is(host: str) -> None:
    assert client_group(host) == host


@given(st.text())
def test_no_peer_name_breaks_the_grouping(host: str) -> None:
    assert client_group(host)


@pytest.mark.parametrize("key", ["", "a", "x" * 1_000_000, "\udcff", "ключ"])
def test_the_name_of_a_counter_is_short_whatever_the_key(key: str) -> None:
    assert len(counter_name(RULE, key)) == 16


def test_keys_scopes_and_rules_do_not_share_counters() -> None:
    token = RateLimitAlgorithm.TOKEN_BUCKET
    rules = [
        RULE,
        RateLimitRule("s", 5, 60, token),
        RateLimitRule("r", 6, 60, token),
        RateLimitRule("r", 5, 61, token),
        RateLimitRule("r", 5, 60, RateLimitAlgorithm.FIXED_WINDOW),
    ]
    names = [counter_name(rule, key, scope) for rule in rules for key in ("a", "b") for scope in ("", "client /")]

    assert len(set(names)) == len(names)


def test_a_key_cannot_pretend_to_be_of_another_scope() -> None:
    assert counter_name(RULE, "client /\n192.0.2.7") != counter_name(RULE, "192.0.2.7", "client /")


def test_what_does_not_change_how_is_counted_does_not_change_the_counter() -> None:
    dearer = RateLimitRule("r", 5, 60.0, RateLimitAlgorithm.TOKEN_BUCKET, cost=2, per_route=False)

    assert counter_name(dearer, "a") == counter_name(RULE, "a")
