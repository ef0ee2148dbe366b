"""A class name has one meaning."""

import ast
from collections import defaultdict

from tests.house.sources import ROOT, committed, tree


def members(node: ast.ClassDef) -> set[str]:
    """Returns the names of a class's methods and annotated fields."""
    functions = {one.name for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
    fields = [one.target for one in node.body if isinstance(one, ast.AnnAssign)]
    return functions | {field.id for field in fields if isinstance(field, ast.Name)}


def test_no_class_name_is_used_for_two_classes() -> None:
    """A Protocol may have the name of the class that it describes. This class then has all methods of the Protocol."""
    classes: dict[str, list[str]] = defaultdict(list)
    has: dict[str, set[str]] = {}
    protocols: list[tuple[str, str, set[str]]] = []
    for path in committed():
        place = path.relative_to(ROOT)
        if path.suffix != ".py" or place.parts[0] in {"tests", "docs"}:
            continue
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
                continue
            if any(ast.unparse(base).startswith("Protocol") for base in node.bases):
                protocols.append((node.name, str(place), members(node)))
            else:
                classes[node.name].append(str(place))
                has[node.name] = members(node)
    twice = {name: places for name, places in classes.items() if len(places) > 1}
    assert twice == {}
    alone = [name for name, _, _ in protocols if name not in classes]
    assert sorted(name for name in set(alone) if alone.count(name) > 1) == [], "name both like the class they describe"
    lacking = [
        (name, place, methods - has[name]) for name, place, methods in protocols if methods - has.get(name, methods)
    ]
    assert lacking == []
