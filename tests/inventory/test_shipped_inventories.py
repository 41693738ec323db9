"""The inventories that people copy: they load, they are shown as they load, and editors know their keys."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from sparkctl.inventory.loader import load
from sparkctl.inventory.schema import InventoryModel, json_schema
from sparkctl.inventory.show import check_report, resolved

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "inventories").glob("*.yml"))
EXPECTED = {
    "one-spark": (1, "none"),
    "two-sparks": (2, "pair"),
    "three-sparks-ring": (3, "ring"),
    "four-sparks-switch": (4, "switch"),
}


def test_all_are_here() -> None:
    assert set(EXPECTED) <= {path.stem for path in SHIPPED}


@pytest.mark.parametrize("name", EXPECTED)
def test_loads_without_a_warning(name: str) -> None:
    path = ROOT / "inventories" / f"{name}.yml"
    cluster = load(path.read_bytes(), path.name)
    assert (len(cluster.hosts), cluster.fabric.topology) == EXPECTED[name]
    assert cluster.warnings == ()
    assert cluster.name == name.removesuffix("-ring").removesuffix("-switch")
    assert path.read_text().startswith("# yaml-language-server: $schema=../docs/schema/inventory.json\n")


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_shown_loads_again_as_the_same(name: str) -> None:
    cluster = load((ROOT / "inventories" / f"{name}.yml").read_bytes(), name)
    again = load(yaml.safe_dump(resolved(cluster), sort_keys=False), name)
    assert again == cluster
    assert load(json.dumps(resolved(cluster)), name) == cluster


def test_the_fullest_is_shown_as_the_same(full: str) -> None:
    cluster = load(full, "x.yml")
    assert load(yaml.safe_dump(resolved(cluster), sort_keys=False), "x.yml") == cluster


def test_the_example_of_the_documentation_loads() -> None:
    text = (ROOT / "docs/inventory.md").read_text()
    examples = re.findall(r"```yaml\n(cluster: .*?)```", text, re.DOTALL)
    assert examples
    for example in examples:
        assert load(example, "inventory.md").warnings == ()


def test_every_key_is_documented() -> None:
    text = (ROOT / "docs/inventory.md").read_text()
    for path in _keys(InventoryModel.model_json_schema()):
        assert f"`{path}`" in text, path


def test_the_schema_for_editors_is_current() -> None:
    """Otherwise: python -m sparkctl.inventory.schema > docs/schema/inventory.json"""
    written = json.loads((ROOT / "docs/schema/inventory.json").read_text())
    assert written == json_schema(InventoryModel, "sparkctl inventory")


def test_a_report_has_the_keys_of_the_contract() -> None:
    from sparkctl.inventory.problems import InventoryError

    assert check_report(None) == {"ok": True, "errors": [], "warnings": []}
    with pytest.raises(InventoryError) as caught:
        load("cluster: x\nhead: a\nhosts: {a: {adress: x}}\n", "x.yml")
    assert check_report(caught.value) == {
        "ok": False,
        "errors": [
            {
                "path": "hosts.a.adress",
                "line": 3,
                "column": 13,
                "message": "unknown key 'adress'",
                "hint": "did you mean address?",
            }
        ],
        "warnings": [],
    }


def _keys(schema: dict[str, Any], node: dict[str, Any] | None = None, prefix: str = "") -> list[str]:
    """Every key of the schema, `HOST` and the like standing for names that the user chooses."""
    node = schema if node is None else node
    if "$ref" in node:
        return _keys(schema, schema["$defs"][node["$ref"].rpartition("/")[2]], prefix)
    found = []
    for option in node.get("anyOf", node.get("oneOf", ())):
        found += _keys(schema, option, prefix)
    for name, inner in node.get("properties", {}).items():
        path = f"{prefix}.{name}".lstrip(".")
        found += [path, *_keys(schema, inner, path)]
    if "items" in node:
        found += _keys(schema, node["items"], f"{prefix}[]")
    for inner in node.get("patternProperties", {}).values():
        if isinstance(inner, dict):
            star = {"hosts": "HOST", "hosts.HOST.fabric": "NETDEV"}.get(prefix)
            found += _keys(schema, inner, f"{prefix}.{star}") if star else []
    return found
