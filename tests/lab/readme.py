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


def blocks(heading):
    """The README's sh blocks below a heading, each a list of lines."""
    section = text_of("README.md").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [lines_of([block]) for block in BLOCK.findall(section)]


def quick_start():
    """The README's way to a deployed router, line by line."""
    return blocks("From a bare machine to a working router")[0]


def plain(command):
    return command.removeprefix("sudo ")
