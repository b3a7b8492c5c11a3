"""What the plugin platform promises, each with the tests that hold it to that, and each extension point with somebody who uses it.

This is a table to look things up in. The tests below see to it that what it names is there.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE, CLI, KIT = "packages/core/tests", "packages/cli/tests", "packages/testing/src/velo_testing/conformance.py"

PROPERTIES: dict[str, list[str]] = {
    "1. a frozen manifest, readable without running the plugin": [
        f"{CORE}/test_plugins.py::test_the_manifest_is_readable_without_running_the_plugin",
        f"{KIT}::test_the_manifest_is_readable_without_running_the_plugin",
    ],
    "2. install records, freeze resolves and reports all problems at once": [
        f"{CORE}/test_broken_plugins.py::test_everything_that_is_wrong_is_said_at_once",
        f"{CORE}/test_plugins.py::test_a_plugin_adds_what_it_wants_when_the_application_starts",
        f"{KIT}::test_installing_only_records",
    ],
    "3. the order is computed, stable, and a cycle prints its path": [
        f"{CORE}/test_plugin_order.py::test_wishes_are_followed_and_else_the_order_stays",
        f"{CORE}/test_plugin_order.py::test_a_cycle_is_reported_with_its_path",
        f"{CORE}/test_broken_plugins.py::test_plugins_wait_for_each_other",
    ],
    "4. capabilities, not only names, can be required": [
        f"{CORE}/test_description.py::test_plugins_are_told_in_their_order_with_its_reasons",
        f"{CORE}/test_plugin_requirements.py::test_a_requirement_can_be_met_above_but_not_beside_or_below",
    ],
    "5. confined to a router; two instances with different settings on two routers": [
        f"{CORE}/test_plugins.py::test_a_plugin_on_a_router_touches_nothing_beside_or_above",
        f"{KIT}::test_it_stays_on_its_router",
        f"{KIT}::test_two_of_it_on_two_routers_do_not_know_of_each_other",
    ],
    "6. a narrow surface: extension points, no internals of the application": [
        "tests/workspace/test_platform.py::test_a_router_offers_extension_points_and_nothing_else",
        f"{KIT}::test_it_imports_public_names_only",
    ],
    "7. typed slots, and no defaults that can be changed": [
        f"{CORE}/test_slots.py::test_a_default_that_all_could_change_is_refused",
        f"{CORE}/test_slots.py::test_a_slot_of_a_sibling_cannot_be_used",
    ],
    "8. conflicts are errors at the start that name both distributions and places": [
        f"{CORE}/test_broken_plugins.py::test_two_plugins_have_one_name",
        f"{CORE}/test_broken_plugins.py::test_two_slots_have_one_name",
        f"{CORE}/test_broken_plugins.py::test_two_routes_match_the_same_path",
        f"{CORE}/test_plugin_requirements.py::test_twice_is_fine_for_a_plugin_that_says_so_and_on_two_routers",
        f"{CORE}/test_plugin_requirements.py::test_what_is_exclusive_is_provided_once",
        f"{CORE}/test_options.py::test_variables_of_a_plugin_whose_name_begins_alike_are_not_its_own",
        f"{CLI}/test_commands.py::test_a_command_of_a_plugin_that_cannot_be_loaded_is_one_line",
    ],
    "9. the level of the contract is checked, prereleases pass, one loud override; methods may take a subset": [
        f"{CORE}/test_broken_plugins.py::test_the_level_of_the_contract_is_another_one",
        f"{CORE}/test_plugin_requirements.py::test_a_prerelease_passes_as_what_it_leads_to_and_as_what_was_before_it",
        f"{CORE}/test_plugin_requirements.py::test_the_level_can_be_ignored_for_one_plugin_and_that_is_logged",
        f"{CORE}/test_plugins.py::test_methods_take_what_they_want_under_whatever_name",
    ],
    "10. set-up and tear-down with a time-out that names the culprit, in reverse even after a failure; closing before the drain": [
        f"{CORE}/test_broken_plugins.py::test_the_start_hangs",
        f"{CORE}/test_plugin_lifespans.py::test_what_was_started_is_stopped_when_a_later_one_cannot_start",
        f"{CORE}/test_plugin_lifespans.py::test_the_others_are_stopped_when_one_cannot_stop",
        f"{CORE}/test_plugin_lifespans.py::test_closing_comes_before_the_drain_and_in_reverse_order",
    ],
    "11. bands and edges for middleware; a hook that nobody uses costs nothing": [
        f"{CORE}/test_middleware_order.py::test_bands_decide_whatever_the_order_of_registration",
        f"{CORE}/test_middleware_order.py::test_edges_decide_within_a_band",
        f"{CORE}/test_phases.py::test_a_route_beside_one_with_hooks_has_no_trace_of_them",
        f"{CORE}/test_budgets.py::test_what_a_route_does_not_use_costs_it_nothing",
    ],
    "12. typed configuration with origins; unknown keys are errors; secrets are marked": [
        f"{CORE}/test_options.py::test_code_wins_over_the_environment_and_that_over_the_file",
        f"{CORE}/test_broken_plugins.py::test_an_option_is_not_there",
        f"{CORE}/test_broken_plugins.py::test_an_option_has_the_wrong_type",
        f"{CLI}/test_plugins.py::test_the_configuration_is_shown_with_origins_and_without_secrets",
    ],
    "13. discovery is explicit": [
        f"{CORE}/test_plugin_names.py::test_a_distribution_that_is_only_there_enables_nothing",
        f"{CORE}/test_import_cost.py::test_fifty_distributions_that_are_only_there_are_neither_imported_nor_read",
    ],
    "14. introspection: tree, versions, timings, order and why, machine-readable": [
        f"{CORE}/test_description.py::test_the_description_can_be_written_as_json",
        f"{CORE}/test_description.py::test_a_route_tells_what_runs_around_it_in_which_order_and_why",
        f"{CORE}/test_plugin_lifespans.py::test_times_are_kept",
        f"{CLI}/test_plugins.py::test_json_shows_the_whole_manifest",
    ],
    "15. a conformance kit that third parties run with one line": [
        "packages/testing/tests/test_conformance.py::test_a_mistake_fails_the_test_that_is_about_it",
        f"{KIT}::test_the_order_of_installation_does_not_matter",
        f"{KIT}::test_twice_on_one_router_is_refused_or_works",
        f"{KIT}::test_two_applications_in_one_process_do_not_share_it",
        f"{KIT}::test_it_leaves_nothing_behind",
        f"{KIT}::test_it_stops_when_another_plugin_cannot_start",
    ],
}

USED: dict[str, tuple[str, str]] = {
    "routes": ("examples/health.py", "get"),
    "routers": ("examples/health.py", "include"),
    "websockets": ("examples/chat.py", "websocket"),
    "mounts": ("examples/sites.py", "mount"),
    "middleware with bands and edges": ("examples/tenants.py", "add_middleware"),
    "phase hooks": ("examples/tenants.py", "on_sent"),
    "dependencies": ("packages/limiter/src/velo_limiter/plugin.py", "add_dependency"),
    "providers by type": ("examples/health.py", "provide"),
    "parameter markers": ("examples/tenants.py", "add_extractor"),
    "converters": ("examples/tenants.py", "add_converter"),
    "exception handlers": ("examples/health.py", "add_exception_handler"),
    "slots": ("examples/tenants.py", "add_slot"),
    "health checks": ("examples/health.py", "add_health_check"),
    "OpenAPI contributions": ("examples/health.py", "add_openapi"),
}
"""Who uses an extension point: the file, and what it calls on a router. What is no call of a router is in `DECLARED`."""

DECLARED: dict[str, tuple[str, str]] = {
    "encoders": ("examples/tenants.py", "class CSV"),
    "response types": ("examples/tenants.py", "produces="),
    "configuration": ("packages/limiter/src/velo_limiter/plugin.py", "def __init__"),
    "lifespan": ("examples/health.py", "async def lifespan"),
    "closing": ("examples/health.py", "async def closing"),
    "background work": ("examples/tenants.py", "BackgroundTasks"),
    "CLI commands": ("packages/openapi/pyproject.toml", "velo.commands"),
    "plugins by name": ("packages/limiter/pyproject.toml", "velo.plugins"),
}

READS = {
    "installed",
    "is_application",
    "prefix",
    "name",
    "tags",
    "children",
    "installations",
    "tree",
    "close",
    "slot_scope",
    "slots",
    "exception_handler",
}
"""What a router has besides its extension points: what it is, and what freezing asks of it."""


def functions_in(file: str) -> set[str]:
    return {
        node.name for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("tests", PROPERTIES.values(), ids=list(PROPERTIES))
def test_each_property_is_held_by_tests_that_are_there(tests: list[str]) -> None:
    assert [one for one in tests if one.partition("::")[2] not in functions_in(one.partition("::")[0])] == []


@pytest.mark.parametrize(("file", "call"), USED.values(), ids=list(USED))
def test_each_extension_point_is_used(file: str, call: str) -> None:
    calls = {
        node.func.attr
        for node in ast.walk(ast.parse((ROOT / file).read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }

    assert call in calls


@pytest.mark.parametrize(("file", "text"), DECLARED.values(), ids=list(DECLARED))
def test_each_extension_point_that_is_no_call_is_used(file: str, text: str) -> None:
    assert text in (ROOT / file).read_text()


def test_a_router_offers_extension_points_and_nothing_else() -> None:
    """Each public method of it is on the page of extension points, or on one that this leads to."""
    from velo_core import Router

    pages = "".join(
        (ROOT / "docs" / page).read_text() for page in ("plugins/extension-points.md", "reference.md", "routing.md", "dependencies.md")
    )
    offered = {name for name in dir(Router) if not name.startswith(("_", "own_"))} - READS

    assert sorted(name for name in offered if f".{name}" not in pages and f"`{name}`" not in pages) == []


def test_a_manifest_cannot_be_changed() -> None:
    from velo_core import Manifest

    manifest = Manifest(name="fixed")
    with pytest.raises(AttributeError):
        manifest.name = "other"  # pyright: ignore[reportAttributeAccessIssue]: which is the point
