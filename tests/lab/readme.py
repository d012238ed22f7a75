"""What a document of this checkout tells its reader to run."""

import re

from lab import REPO


def commands(document="README.md"):
    """A document's commands without comments: those of its sh blocks, and `sudo …` in the text."""
    with open(f"{REPO}/{document}", encoding="utf-8") as file:
        text = file.read()
    blocks = "".join(re.findall(r"```sh\n(.*?)```", text, re.S))
    found = [line.split("#")[0].strip() for line in blocks.splitlines()]
    inline = re.findall(r"`(sudo tests/[^`]*)`", re.sub(r"```.*?```", "", text, flags=re.S))
    return [line for line in dict.fromkeys(found + inline) if line]


def plain(command):
    return command.removeprefix("sudo ")
