# SPDX-License-Identifier: GPL-2.0-or-later
"""What a deploy keeps of the files that were there, and puts back: in a folder, where no service runs."""

import os
import stat

import pytest

import guard

NAMES = {"PLACE": "guard", "DRAFT": "guard.new", "SAVED": "guard/saved", "NOTES": "guard/notes.json",
         "RESTORED": "guard/restored", "BOOT": "units/boot", "WANTED": "units/wanted", "CONFIG": "etc/mwan.conf"}


@pytest.fixture
def etc(tmp_path, monkeypatch):
    """Stands for /etc, with a file, a key and a link in it."""
    for name, place in NAMES.items():
        monkeypatch.setattr(guard, name, f"{tmp_path}/{place}")
    monkeypatch.setattr(guard, "FILES", [f"{tmp_path}/etc/*"])
    monkeypatch.setattr(guard, "run", lambda *args: args[:2] != ("systemctl", "is-active"))
    monkeypatch.setattr(guard, "output", lambda *args: "")
    monkeypatch.setattr(guard, "unsettled", lambda: [])
    monkeypatch.setattr(guard, "carrying", lambda: [])
    monkeypatch.setattr(guard, "FORWARDING", [])
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "mwan.conf").write_text("old\n", encoding="utf-8")
    (folder / "key.pem").write_text("secret\n", encoding="utf-8")
    (folder / "key.pem").chmod(0o600)
    (folder / "link").symlink_to("/dev/null")
    return folder


def seen(folder):
    """{name: mode, and what is in it}"""
    return {path.name: (stat.S_IMODE(path.lstat().st_mode), guard.read(path)) for path in folder.iterdir()}


def change(folder):
    (folder / "mwan.conf").write_text("new\n", encoding="utf-8")
    (folder / "key.pem").unlink()
    (folder / "link").unlink()
    (folder / "link").write_text("a file now\n", encoding="utf-8")
    (folder / "more").write_text("was not there\n", encoding="utf-8")


@pytest.mark.parametrize("how", ["restore", "boot"])
def test_what_was_there_is_put_back_and_what_was_not_goes(etc, how):
    before = seen(etc)
    guard.save(10)
    change(etc)
    getattr(guard, how)()
    assert seen(etc) == before


def test_a_boot_restores_while_nobody_has_confirmed(etc):
    guard.save(10)
    assert os.path.realpath(guard.WANTED) == guard.BOOT
    guard.confirm()
    assert not os.path.lexists(guard.WANTED) and not os.path.lexists(guard.BOOT)
    assert not os.path.exists(guard.PLACE)


def test_half_of_what_is_to_be_kept_is_nothing(etc, monkeypatch):
    """Killed while it keeps: nothing is taken for a file that has not been there."""
    def killed(source, target):
        if target.endswith("/mwan.conf"):
            raise KeyboardInterrupt
        copy(source, target)
    before, copy = seen(etc), guard.copy
    monkeypatch.setattr(guard, "copy", killed)
    with pytest.raises(KeyboardInterrupt):
        guard.save(10)
    with pytest.raises(SystemExit):
        guard.restore()
    assert seen(etc) == before and not os.path.lexists(guard.WANTED)


def test_what_can_not_be_put_back_keeps_nothing_else_away(etc, monkeypatch):
    def full(path, *rest):
        if path.endswith("/key.pem"):
            raise OSError(28, "No space left on device")
        write(path, *rest)
    guard.save(10)
    change(etc)
    write = guard.write
    monkeypatch.setattr(guard, "write", full)
    with pytest.raises(SystemExit, match="key.pem: No space left"):
        guard.restore()
    assert (etc / "mwan.conf").read_text(encoding="utf-8") == "old\n"


def test_keys_that_are_kept_are_roots_alone(etc):
    guard.save(10)
    assert stat.S_IMODE(os.stat(guard.PLACE).st_mode) == 0o700


def test_a_step_that_hangs_keeps_nobody_from_undoing_it(tmp_path, monkeypatch):
    monkeypatch.setattr(guard, "LOCK", f"{tmp_path}/lock")
    monkeypatch.setattr(guard, "PATIENCE", 0)
    guard.in_turn("apply")
    with pytest.raises(SystemExit, match="does not end"):
        guard.in_turn("save")
    guard.in_turn("restore")


def test_a_wan_that_takes_the_place_of_the_only_one_has_to_carry(monkeypatch):
    carries = {"name": "new", "interface": "eth2", "families": {"ipv4": False, "ipv6": False}}
    monkeypatch.setattr(guard, "probe", lambda: [carries])
    assert guard.lost([["old", "eth1", "ipv4"]]) != []
    carries["families"]["ipv4"] = True
    assert guard.lost([["old", "eth1", "ipv4"]]) == []
