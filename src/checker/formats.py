"""How a report is written: for people, for programs, for code scanning, for GitHub's annotations."""

import json
from collections.abc import Callable

from ..config.lines import printable
from .codes import CODES, severity
from .findings import Finding, Place
from .formats_sarif import sarif
from .report import Report

FORMATS = ("text", "json", "sarif", "github")
JSON_VERSION = 1
# Gives a text the colours of what it is: error, warning, place, repair or ok.
Style = Callable[[str, str], str]


def plain(text: str, kind: str) -> str:
    """Return the text without any colour."""
    return text


def render(report: Report, form: str, version: str, style: Style = plain) -> str:
    """Return the report in one of FORMATS; ``version`` is this program's."""
    if form == "json":
        return json.dumps(document(report, version), indent=2)
    if form == "sarif":
        return json.dumps(sarif(report, version), indent=2)
    return text(report, style) if form == "text" else github(report)


def text(report: Report, style: Style = plain) -> str:
    """Return the report as compilers write theirs, with what was not checked at its end."""
    lines = [line for finding in report.findings for line in _lines(finding, style)]
    lines += [f"{style('not checked', 'error')}: {printable(failure)}" for failure in report.failures]
    counts = f"{_number(report.count('error'), 'error')}, {_number(report.count('warning'), 'warning')}"
    counts += f", {report.ignored} ignored" if report.ignored else ""
    if report.ok:
        lines.append(f"{style('OK', 'ok')}: {printable(report.subject)}; {counts}. It will start if")
        lines += [f"  - {printable(condition)}" for condition in report.conditions]
    else:
        lines.append(f"{printable(report.subject)}: {counts}")
    if report.findings:
        lines.append(f"check --explain {report.findings[0].code} says what a code means")
    return "\n".join(lines)


def _lines(finding: Finding, style: Style) -> list[str]:
    kind = severity(finding.code)
    place = printable(_short(finding.place))
    lines = [f"{style(place, 'place')}: " if place else ""]
    lines[0] += f"{style(kind, kind)} {finding.code}: {printable(finding.what)}"
    name = finding.place.name
    if finding.place.line and name and name not in finding.what:
        lines.append(f"    at: {printable(name)}")
    parts = [printable(line) for line in finding.repair.split("\n") if line]
    lines += [f"    {style('repair:' if number == 0 else '       ', 'repair')} {part}"
              for number, part in enumerate(parts)]
    return lines


def _short(place: Place) -> str:
    return place.name if place.file is None else Place(place.file, place.line, place.column).text()


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def document(report: Report, version: str) -> dict[str, object]:
    """Return the report for programs; fields are only ever added under the same ``version``."""
    return {
        "version": JSON_VERSION, "tool": {"name": "litellm-gateway", "version": version}, "subject": report.subject,
        "ok": report.ok, "errors": report.count("error"), "warnings": report.count("warning"),
        "ignored": report.ignored,
        "findings": [_entry(finding) for finding in report.findings],
        "conditions": list(report.conditions), "not_checked": list(report.failures),
    }


def _entry(finding: Finding) -> dict[str, object]:
    place = finding.place
    return {"code": finding.code, "severity": severity(finding.code), "title": CODES[finding.code].title,
            "message": finding.what, "repair": finding.repair, "file": place.file, "line": place.line,
            "column": place.column, "name": place.name}


def github(report: Report) -> str:
    """Return GitHub's workflow commands: one annotation per finding."""
    lines = [_annotation(finding) for finding in report.findings]
    lines += [f"::error title=not checked::{_data(failure)}" for failure in report.failures]
    if not lines:
        lines.append(f"::notice title=check::OK: {_data(report.subject)}")
    return "\n".join(lines)


def _annotation(finding: Finding) -> str:
    place = finding.place
    properties = {"file": place.file, "line": place.line, "col": place.column,
                  "title": f"{finding.code} {CODES[finding.code].title}"}
    given = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items() if value is not None)
    name = "" if place.file is not None or not place.name else f"{place.name}: "
    repair = f"\nrepair: {finding.repair}" if finding.repair else ""
    return f"::{severity(finding.code)} {given}::{_data(name + finding.what + repair)}"


def _data(value: str) -> str:
    """Return a message as GitHub's runner unescapes it (actions/toolkit, command.ts)."""
    kept = "\n".join(printable(line) for line in value.replace("\r\n", "\n").split("\n"))
    return kept.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
