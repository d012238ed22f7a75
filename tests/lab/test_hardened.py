# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/hardened: the installed programs have what compiler and linker can do against an attack."""

import json
import subprocess
from pathlib import Path

import pytest

from conftest import PROGRAMS
from lab import default_destdir

HARDENED = Path(__file__).parents[1] / "hardened"
EVERYTHING = ["-fPIE", "-pie", "-O2", "-Wl,-z,relro,-z,now,-z,noexecstack", "-fstack-protector-strong",
              "-fstack-clash-protection", "-fcf-protection=full", "-D_FORTIFY_SOURCE=3"]
LACKING = {
    "-no-pie": "position independence",
    "-Wl,-z,execstack": "stack that can't be executed",
    "-Wl,-z,norelro": "relocations that become read-only",
    "-Wl,-z,lazy": "binding of all symbols at the start",
    "-fno-stack-protector": "stack protector",
    "-U_FORTIFY_SOURCE": "_FORTIFY_SOURCE",
    "-fcf-protection=none": "landing pads for branches (CET)",
    "-fno-stack-clash-protection": "stack clash protection",
}
SOURCE = "".join(f"int f{i}(int n) {{ return n + {i}; }}\n" for i in range(10)) + """
#include <stdio.h>
int main(int argc, char **argv)
{
	char small[64], big[16384];

	snprintf(small, argc * 8, "%s", argv[0]);
	return fread(big, 1, sizeof(big) * argc, stdin) + small[argc] + big[argc];
}
"""
pytestmark = pytest.mark.plain("sanitizers have checks of their own")


def lacks(*programs):
    result = subprocess.run([HARDENED, *programs], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) in ((0, ""), (1, "")), result.stderr
    return result.stdout


def test_the_installed_programs_lack_nothing():
    assert lacks(*(f"{default_destdir()}/usr/local/bin/{name}" for name in PROGRAMS)) == ""


def test_every_file_is_compiled_so():
    """The programs don't show that it was all of their files, or the level of _FORTIFY_SOURCE."""
    commands = json.loads(Path(default_destdir(), "../compile_commands.json").read_text())
    ours = {one["file"]: one["command"] for one in commands if "/lib/" in one["file"] or "/cmd/" in one["file"]}
    assert len(ours) > 100
    for flag in ("-D_FORTIFY_SOURCE=3", "-fstack-protector-strong", "-fstack-clash-protection", "-fcf-protection=full"):
        assert [file for file, command in ours.items() if flag not in command.split()] == [], flag


@pytest.mark.parametrize("flag", LACKING)
def test_a_program_without_one_of_them_is_named(tmp_path, flag):
    for name, more in (("good", []), ("bad", [flag])):
        subprocess.run(["gcc", "-x", "c", *EVERYTHING, *more, "-o", tmp_path / name, "-"], input=SOURCE, text=True, check=True)
    assert lacks(tmp_path / "good", tmp_path / "bad") == f"{tmp_path}/bad: no {LACKING[flag]}\n"
