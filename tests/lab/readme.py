# SPDX-License-Identifier: GPL-2.0-or-later
"""What a document of this checkout tells its reader to run."""

import re

from lab import REPO

BLOCK = re.compile(r"```sh\n(.*?)```", re.S)


def text_of(document):
    with open(f"{REPO}/{document}", encoding="utf-8") as file:
        return file.read()


def lines_of(texts):
    """Without comments."""
    return [line for line in (line.split("#")[0].strip() for line in "".join(texts).splitlines()) if line]


def commands(document="README.md"):
    """A document's commands, each once: those of its sh blocks, and `sudo …` in the text."""
    text = text_of(document)
    inline = re.findall(r"`(sudo tests/[^`]*)`", re.sub(r"```.*?```", "", text, flags=re.S))
    return list(dict.fromkeys(lines_of(BLOCK.findall(text)) + inline))


def install():
    """The README's sh blocks that install mwan, each a list of lines: the package, its links, the first start, a deploy."""
    section = text_of("README.md").partition("\n## Install\n")[2].partition("\n## ")[0]
    package, links, start, deploy = [lines_of([block]) for block in BLOCK.findall(section)]
    return package, links, start, deploy


def quick_start():
    """The README's way to a deployed router, line by line."""
    return install()[3]


def own_rules():
    """The README's commands that load rules of one's own."""
    section = text_of("README.md").partition("\n## Port forwards and rules of your own\n")[2].partition("\n## ")[0]
    return BLOCK.findall(section)


def sites():
    """The README's examples of mwan.conf: the plainest site, and the one with public addresses and IPv6."""
    plainest, public = re.findall(r"```ini\n(.*?)```", text_of("README.md"), re.S)
    return plainest, public


def plain(command):
    return command.removeprefix("sudo ")
