"""``segue doctor``: find what is wrong."""

from typing import Annotated

import typer

from segue.cli.screen import print_json, say, table, watching

MARKS = {"good": "✓", "note": "·", "bad": "✗"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """Look at the installation and the home folder, and say what to do about what is not well."""
    import segue

    with watching(), segue.open() as library:
        findings = library.doctor()
    if as_json:
        print_json(findings)
    else:
        rows = [(MARKS[found.level], found.what, found.is_so, found.remedy or "") for found in findings]
        table("Segue's doctor", ["", "what", "how it is", "what to do"], rows)
    bad = sum(found.level == "bad" for found in findings)
    if bad:
        if not as_json:
            say(f"{bad} of these must be mended before Segue works well.")
        raise typer.Exit(1)
