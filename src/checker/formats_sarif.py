"""SARIF 2.1.0 (OASIS), as code scanning takes it."""

from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from .codes import CODES, explain
from .findings import Finding, Place
from .report import Report

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(report: Report, version: str) -> dict[str, Any]:
    """Return the log of one run: every rule that was hit, every finding, and whether everything could be checked."""
    rules = sorted({finding.code for finding in report.findings})
    invocation: dict[str, Any] = {"executionSuccessful": not report.failures}
    if report.failures:
        invocation["toolExecutionNotifications"] = [{"level": "error", "message": {"text": failure}}
                                                    for failure in report.failures]
    driver = {"name": "litellm-gateway check", "version": version, "rules": [_rule(code) for code in rules]}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [{
        "tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "invocations": [invocation],
        "results": [_result(finding, rules.index(finding.code), report.file) for finding in report.findings]}]}


def _rule(name: str) -> dict[str, Any]:
    code = CODES[name]
    return {"id": code.code, "shortDescription": {"text": code.title}, "fullDescription": {"text": code.why},
            "help": {"text": explain(code)}, "defaultConfiguration": {"level": code.severity}}


def _result(finding: Finding, rule: int, file: str) -> dict[str, Any]:
    text = finding.what + (f"\nrepair: {finding.repair}" if finding.repair else "")
    return {"ruleId": finding.code, "ruleIndex": rule, "level": CODES[finding.code].severity,
            "message": {"text": text}, "locations": [_location(finding.place, file)]}


def _location(place: Place, file: str) -> dict[str, Any]:
    """Return a place in a file: GitHub refuses the whole log where one result has none, or no line."""
    location: dict[str, Any] = {"physicalLocation": {
        "artifactLocation": {"uri": _uri(file if place.file is None else place.file)},
        "region": {"startLine": place.line or 1, "startColumn": place.column or 1}}}
    if place.name:
        location["logicalLocations"] = [{"fullyQualifiedName": place.name}]
    return location


def _uri(path: str) -> str:
    """Return a file's name as a URI: relative to where the check ran, or absolute."""
    pure = PurePath(path)
    return pure.as_uri() if pure.is_absolute() else quote(pure.as_posix())
