# SPDX-License-Identifier: GPL-2.0-or-later
"""Trace ids, and what is logged under them: `mwan-trace`, the debug log, and its rotation."""

import json
import os
import re

import pytest

import wans

CURRENT, KEPT, DEBUG_LOG = "/run/mwan-trace-id", "/var/lib/mwan/trace-id", "/var/log/mwan-debug.log"
LOGGING = {"mwan": {"debug_logging": "yes"}}


@pytest.fixture
def logging(make_lab):
    """A lab with debug_logging = yes; nothing has run in it."""
    return make_lab(**LOGGING)


def new(lab, kind="deploy"):
    return lab.router.run("mwan-trace", "new", kind).out.strip()


def shown(lab, *args):
    """What `mwan-trace show` prints, as [(time, program, level, event, message)]."""
    return [line.split(" ", 4) for line in lab.router.run("mwan-trace", "show", *args).out.splitlines()]


def log_lines(lab, path=DEBUG_LOG):
    return [json.loads(line) for line in lab.router.read(path).splitlines()]


def append(lab, path, **fields):
    line = {"time": "2026-11-23T00:00:00.000000Z", "level": "info", "traceId": "boot-x", "program": "p", "event": "e",
            "message": "m", **fields}
    with open(lab.router.path(path), "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def rename(lab, old, new_name):
    """What logrotate does to a file."""
    os.rename(lab.router.path(old), lab.router.path(new_name))


# new

@pytest.mark.parametrize("kind", ["boot", "deploy"])
def test_a_new_id_says_what_it_is_of_and_when(bare, kind):
    first, second = new(bare, kind), new(bare, kind)
    assert re.fullmatch(kind + r"-2\d{7}T\d{6}Z-[0-9a-f]{6}", second) and first != second
    assert bare.router.read(CURRENT) == bare.router.read(KEPT) == second + "\n"
    assert not list(bare.router.path("/run").glob("*.new"))


def test_a_disk_that_cannot_be_written_to_does_not_stop_a_new_trace(bare):
    bare.router.run("mount", "--bind", "-o", "ro", "/var/lib/mwan", "/var/lib/mwan")
    result = bare.router.run("mwan-trace", "new", "boot")
    assert bare.router.read(CURRENT) == result.out
    assert result.err.startswith("<4>/var/lib/mwan/trace-id") and len(result.err.splitlines()) == 1


def test_a_missing_folder_is_made(bare):
    bare.router.run("rm", "-r", "/var/lib/mwan")
    current = new(bare)
    assert bare.router.read(KEPT).strip() == current


@pytest.mark.parametrize("config", [None, "nonsense\n"])
def test_a_new_trace_needs_no_configuration(bare, config):
    bare.router.run("rm", "/etc/mwan/mwan.conf")
    if config:
        bare.router.configure(config)
    result = bare.router.run("mwan-trace", "new", "boot")
    assert result.err == "" and bare.router.read(CURRENT) == result.out


@pytest.mark.parametrize("words", [[], ["new"], ["new", "holiday"], ["list"], ["show", "a", "b"]])
def test_other_words_are_refused(bare, words):
    result = bare.router.run("mwan-trace", *words, check=False)
    assert result.code == 2 and len(result.err.splitlines()) == 1
    assert not bare.router.path(CURRENT).exists()


# Lines under an id

def test_the_daemon_logs_under_a_new_id_from_then_on(make_lab):
    lab = make_lab(health=wans.QUICK, **LOGGING)
    boot = new(lab, "boot")
    daemon = lab.daemon()
    daemon.wait_states()
    deploy = new(lab)
    before = len(log_lines(lab))
    lab.cut("att")
    daemon.wait(lambda: any("no carrier" in line["message"] for line in log_lines(lab)[before:]), "a line on it")
    assert {line["traceId"] for line in log_lines(lab)[before:]} == {deploy}
    assert {line[1] for line in shown(lab, boot)} == {"mwan-trace", "health-check"}
    assert any("no carrier" in line[4] for line in shown(lab))


def test_all_programs_of_a_trace_are_shown_together_in_order_of_time(logging):
    old, current = new(logging), new(logging)
    logging.router.run("update-npt")
    logging.router.ip("rule del pref 101\n", 6)
    logging.router.run("update-routes")
    lines = shown(logging)
    assert list(dict.fromkeys(line[1] for line in lines)) == ["mwan-trace", "update-npt", "update-routes"]
    assert lines == sorted(lines) and all(re.fullmatch(r"20\S+Z", line[0]) for line in lines)
    assert [(line[1], line[4]) for line in shown(logging, old)] == [("mwan-trace", f"trace {old} begins")]
    assert shown(logging, current) == lines


# Rotation

def test_after_logrotate_the_daemon_writes_to_the_new_file_and_both_are_shown(make_lab):
    lab = make_lab(health=wans.QUICK, **LOGGING)
    new(lab)
    daemon = lab.daemon()
    daemon.wait_states()
    rename(lab, DEBUG_LOG, f"{DEBUG_LOG}.1")
    before = lab.router.read(f"{DEBUG_LOG}.1")
    lab.cut("att")
    daemon.wait(lambda: lab.router.path(DEBUG_LOG).exists()
                and any("no carrier" in line["message"] for line in log_lines(lab)), "a line in the new file")
    assert lab.router.read(f"{DEBUG_LOG}.1") == before
    assert len(shown(lab)) >= len(before.splitlines()) + 1


def test_lines_of_several_files_are_in_order_of_time(bare):
    for second, path in enumerate([f"{DEBUG_LOG}.2", f"{DEBUG_LOG}.1", DEBUG_LOG]):
        append(bare, path, time=f"2026-11-23T00:00:0{second}.000000Z", message=f"number {second}")
        append(bare, path, traceId="boot-y")
        append(bare, path, traceId="boot-xy")
    assert [line[4] for line in shown(bare, "boot-x")] == ["number 0", "number 1", "number 2"]


def test_a_compressed_file_is_named(bare):
    append(bare, DEBUG_LOG)
    bare.router.write(f"{DEBUG_LOG}.2.gz", "boot-x")
    result = bare.router.run("mwan-trace", "show", "boot-x")
    assert len(result.out.splitlines()) == 1
    assert result.err.startswith(f"<4>{DEBUG_LOG}.2.gz is compressed") and len(result.err.splitlines()) == 1


def test_a_line_is_one_line_whatever_it_says(bare):
    append(bare, DEBUG_LOG, message="a\nb\x1b[2Jc\td")
    with open(bare.router.path(DEBUG_LOG), "a", encoding="utf-8") as file:
        file.write('boot-x {"traceId":"boot-x"\n{"traceId":"boot-x"}\n"boot-x"\n')
    assert bare.router.run("mwan-trace", "show", "boot-x").out.splitlines() == [
        "- - - - -", "2026-11-23T00:00:00.000000Z p info e a b [2Jc d"]


def test_what_is_in_the_debug_logs_way_is_said_once(make_lab):
    lab = make_lab(health=wans.QUICK, **LOGGING)
    lab.router.path(DEBUG_LOG).mkdir()
    daemon = lab.daemon()
    daemon.wait_states()
    daemon.said_once(DEBUG_LOG)
    lab.router.path(DEBUG_LOG).rmdir()
    lab.cut("att")
    daemon.wait(lambda: lab.router.path(DEBUG_LOG).is_file() and log_lines(lab), "lines, when nothing is in the way")


# Nothing to show

def test_without_an_id_the_way_to_one_is_told(bare):
    result = bare.router.run("mwan-trace", "show", check=False)
    assert (result.code, result.out) == (1, "")
    assert len(result.err.splitlines()) == 1 and "mwan-trace new boot" in result.err


def test_without_debug_logging_the_way_to_it_is_told(bare):
    current = new(bare)
    bare.up()
    result = bare.router.run("mwan-trace", "show", check=False)
    assert (result.code, result.out) == (1, "")
    assert len(result.err.splitlines()) == 1
    assert current in result.err and "debug_logging = yes" in result.err and "/etc/mwan/mwan.conf" in result.err
    assert f"`journalctl MWAN_TRACE_ID={current}`" in result.err


def test_an_unknown_id_is_said_to_have_no_lines(logging):
    new(logging)
    result = logging.router.run("mwan-trace", "show", "boot-20200101T000000Z-000000", check=False)
    assert (result.code, result.out) == (1, "") and len(result.err.splitlines()) == 1
    assert "debug_logging" not in result.err and "boot-20200101T000000Z-000000" in result.err


def test_with_a_broken_configuration_traces_are_still_shown(logging):
    new(logging)
    logging.router.configure("nonsense\n")
    assert [line[3] for line in shown(logging)] == ["trace"]
    result = logging.router.run("mwan-trace", "show", "x", check=False)
    assert result.code == 1 and "/etc/mwan/mwan.conf:1:" in result.err and len(result.err.splitlines()) == 1
