"""The command line of the audit record: `python -m core audit verify | export --csv F`."""

from __future__ import annotations

import argparse
import csv
import sys
from dataclasses import astuple, fields
from pathlib import Path

from core.audit.entry import Entry
from core.audit.identity import user_id
from core.audit.log import AuditLog
from core.audit.verification import verify
from core.errors import ReportError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what can be done with the record."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    checking = actions.add_parser("verify", help="look for rows that were changed, removed or moved")
    checking.add_argument(
        "--head", type=_head, metavar="NUMBER:SHA256", help="a head that an earlier run printed and that was kept"
    )
    checking.set_defaults(act=_verify)
    exporting = actions.add_parser("export", help="write the record as a table")
    exporting.add_argument("--csv", type=Path, required=True, metavar="F")
    exporting.set_defaults(act=_export)
    who = actions.add_parser("who", help="print the number that stands for a user in this record")
    known = who.add_mutually_exclusive_group(required=True)
    known.add_argument("user", nargs="?", help="a role, as “local”")
    known.add_argument("--proxy", metavar="NAME", help="whom the reverse proxy names so, often an e-mail address")
    known.add_argument(
        "--oidc", nargs=2, metavar=("ISSUER", "SUBJECT"), help="whom the provider knows by this subject (claim “sub”)"
    )
    who.set_defaults(act=_who)


def run(options: argparse.Namespace) -> int:
    """Do it; the exit status is 1 where the record is not whole."""
    return int(options.act(options, AuditLog()))


def _verify(options: argparse.Namespace, log: AuditLog) -> int:
    found = verify(log, kept=options.head)
    if found.fault:
        sys.stdout.write(f"NOT WHOLE. {found.fault} {found.rows} rows before it are sound.\n")
        return 1
    if found.notice:
        sys.stdout.write(f"{found.notice}\n")
    sys.stdout.write(f"{found.rows} rows, each as it was written. Head, to be kept elsewhere: ")
    sys.stdout.write(f"{found.rows}:{found.head}\n")
    return 0


def _export(options: argparse.Namespace, log: AuditLog) -> int:
    names = [field.name for field in fields(Entry)]
    count = 0
    try:
        with options.csv.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["number", *names, "previous", "sha256"])
            for row in log.rows():
                table.writerow([row.number, *astuple(row.entry), row.previous, row.sha256])
                count += 1
    except OSError as error:
        raise ReportError("The table cannot be written there.", code="not-writable") from error
    sys.stdout.write(f"{count} rows\n")
    return 0


def _who(options: argparse.Namespace, log: AuditLog) -> int:
    if options.proxy:
        user = user_id("proxy", options.proxy)
    else:
        user = user_id("oidc", *options.oidc) if options.oidc else options.user
    sys.stdout.write(f"{log.pseudonym(user)}\n")
    return 0


def _head(text: str) -> tuple[int, str]:
    number, sign, sha256 = text.partition(":")
    if not (sign and number.isdigit() and len(sha256) == 64):
        raise argparse.ArgumentTypeError("NUMBER:SHA256 is accepted, as `audit verify` prints it")
    return int(number), sha256.lower()
