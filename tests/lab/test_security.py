# SPDX-License-Identifier: GPL-2.0-or-later
"""SECURITY.md: each attack has a test that is there, and each test of attacks is in it."""

import ast
import glob
import re

from lab import HERE
from readme import text_of

ROWS = re.findall(r"^\| (?!attack|-)(.*) \| (.*) \| (.*) \|$", text_of("SECURITY.md"), re.M)


def named_in(text):
    return set(re.findall(r"`(test_\w+)::(test_\w+)`", text))


def defined_in(name):
    """The tests of a file: {(file, test)}."""
    with open(f"{HERE}/{name}.py", encoding="utf-8") as file:
        return {(name, node.name) for node in ast.parse(file.read()).body
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_the_table_has_three_parts():
    parts = re.split(r"^### ", text_of("SECURITY.md"), flags=re.M)[1:]
    assert [part.splitlines()[0] for part in parts] == ["From the provider's side", "From the LAN", "On the machine itself"]
    assert all(part.count("\n| ") >= 10 for part in parts)


def test_each_attack_names_a_test_that_is_there():
    assert [row for row in ROWS if not all(row) or not named_in(row[2])] == []
    named = named_in(text_of("SECURITY.md"))
    assert named - {test for file, _ in named for test in defined_in(file)} == set()


def test_each_test_of_an_attack_is_in_the_table():
    files = [re.search(r"(\w+)\.py$", path)[1] for path in glob.glob(f"{HERE}/test_attacks*.py")]
    assert {test for file in files for test in defined_in(file)} - named_in(text_of("SECURITY.md")) == set()
