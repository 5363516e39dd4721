"""What ``fleethub test`` says: a line a case, what is not as expected below it; and the same for machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree import ElementTree

from fleethub.cases.compare import Difference
from fleethub.cases.read import Case
from fleethub.model.text import plural
from fleethub.views.style import Style


def case_lines(case: Case, broken: str, found: Iterable[Difference], style: Style, written: bool = False) -> list[str]:
    """One case: what it shows, and what is not as expected; ``written``: it is from now on."""
    every = list(found)
    if not every and not broken:
        return [f"  {style('create', 'pass')}  {case.name}"]
    if written:
        return [f"  {style('update', 'new ')}  {case.name}"]
    lines = [f"  {style('error', 'FAIL')}  {style('bold', case.name)}", f"        {case.place}"]
    lines += [f"        {broken}"] if broken else []
    for one in every:
        lines.append(f"        {one.what}")
        lines.append(f"          {style('dim', 'expected')}  {one.expected}")
        lines.append(f"          {style('dim', 'there is')}  {one.found}")
    return lines


def sum_line(passed: int, failed: int, seconds: float, style: Style, written: int = 0) -> str:
    """How it went; ``written``: cases that are as expected from now on."""
    parts = [style("error", f"{failed} failed")] if failed else []
    parts += [style("update", f"{written} written")] if written else []
    parts += [style("create", f"{passed} passed")] if passed or not parts else []
    return f"{', '.join(parts)} in {seconds:.2f} s"


def case_data(case: Case, broken: str, found: Iterable[Difference], seconds: float) -> dict[str, Any]:
    """A case as JSON."""
    every = [{"what": one.what, "expected": one.expected, "found": one.found} for one in found]
    return {
        "type": "case",
        "file": case.file,
        "name": case.name,
        "place": str(case.place),
        "passed": not every and not broken,
        "broken": broken,
        "differences": every,
        "seconds": round(seconds, 3),
    }


def junit(cases: Iterable[Mapping[str, Any]]) -> str:
    """The cases, as ``case_data`` has them, in the XML that CI servers read: a suite a file."""
    top = ElementTree.Element("testsuites")
    suites: dict[str, Any] = {}
    for one in cases:
        suite = suites.get(one["file"])
        if suite is None:
            suite = suites[one["file"]] = ElementTree.SubElement(top, "testsuite", name=_fit(one["file"]))
        case = ElementTree.SubElement(
            suite, "testcase", name=_fit(one["name"]), classname=_fit(one["file"]), time=f"{one['seconds']:.3f}"
        )
        if not one["passed"]:
            says = [f"{d['what']}: expected {d['expected']}, there is {d['found']}" for d in one["differences"]]
            says += [one["broken"]] if one["broken"] else []
            text = plural(len(says), "difference")
            ElementTree.SubElement(case, "failure", message=_fit(text)).text = _fit("\n".join((one["place"], *says)))
    for suite in suites.values():
        every = list(suite)
        suite.set("tests", str(len(every)))
        suite.set("failures", str(sum(len(case) for case in every)))
        suite.set("time", f"{sum(float(case.get('time', '0')) for case in every):.3f}")
    ElementTree.indent(top)
    return ElementTree.tostring(top, encoding="unicode", xml_declaration=True) + "\n"


def _fit(text: str) -> str:
    """Without the characters that XML has no way to write."""
    return "".join(c if c in "\n\t" or c.isprintable() else "\ufffd" for c in text)
