"""The narrative: the subset of XHTML that R4 allows, and nothing that runs."""

from __future__ import annotations

import pytest

from mappers.r4.narrative import without_html_entities, xhtml_check
from mappers.r4.validate import validate
from tests.unit.mappers.r4.resources import ACCOUNT, changed

OPEN = '<div xmlns="http://www.w3.org/1999/xhtml">'


def codes_of(div: object) -> list[str]:
    account = changed(ACCOUNT, text={"status": "generated", "div": div})
    return [problem.code for problem in validate(account)]


@pytest.mark.parametrize(
    "inner",
    [
        "Visit",
        "بیمار",
        "<p>Visit &amp; drugs &lt; 5&#160;&nbsp;&euro;</p>",
        "<!-- a comment --><b>x</b>",
        '<table class="grid" border="1"><thead><tr><th colspan="2">A</th></tr></thead></table>',
        '<a href="https://x.example/a?b=c:d">x</a><a name="here">y</a><a href="#here">z</a><a href="Patient/1">p</a>',
        '<img src="#photo" alt="x"/>',
        '<img src="data:image/png;base64,iVBORw0KGgo=" alt="x"/>',
        '<p style="color: red; font-weight: bold" xml:lang="fa" lang="fa" dir="rtl">x</p>',
        "<h1>x</h1><hr/><br/><ul><li>1</li></ul><dl><dt>a</dt><dd>b</dd></dl><pre>c</pre><sub>d</sub>",
        "<![CDATA[plain text]]>",
    ],
)
def test_formatted_text_is_fine(inner: str) -> None:
    assert codes_of(f"{OPEN}{inner}</div>") == []


@pytest.mark.parametrize(
    "div",
    [
        "<p>not a div</p>",
        "<div>no namespace</div>",
        f"{OPEN}not closed",
        f"{OPEN}<p>wrong</b></div>",
        "plain text",
        f"{OPEN}<script>alert(1)</script>x</div>",
        f"{OPEN}<style>p {{}}</style>x</div>",
        f'{OPEN}<link rel="stylesheet" href="https://x.example/a.css"/>x</div>',
        f'{OPEN}<iframe src="https://x.example"/>x</div>',
        f"{OPEN}<form><input/></form>x</div>",
        f'{OPEN}<object data="x"/>x</div>',
        f"{OPEN}<body>x</body></div>",
        f'{OPEN}<p onclick="alert(1)">x</p></div>',
        f'{OPEN}<p OnClick="alert(1)">x</p></div>',
        f'{OPEN}<a href="javascript:alert(1)">x</a></div>',
        f'{OPEN}<a href=" java&#10;script:alert(1)">x</a></div>',
        f'{OPEN}<a href="data:text/html,x">x</a></div>',
        f'{OPEN}<img src="javascript:alert(1)"/></div>',
        f'{OPEN}<p style="background: url(https://x.example)">x</p></div>',
        f'{OPEN}<p style="width: expression(alert(1))">x</p></div>',
        f'{OPEN}<a xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="https://x.example">x</a></div>',
        f'{OPEN}<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>x</div>',
        f"<!DOCTYPE div>{OPEN}x</div>",
        f'<!doctype div [<!ENTITY e SYSTEM "file:///etc/passwd">]>{OPEN}&e;</div>',
        f'<?xml version="1.0"?>{OPEN}x</div>',
        f"{OPEN}<?php x ?></div>",
        f"{OPEN}&unknown;</div>",
        f"{OPEN}a & b</div>",
        f"{OPEN}\x00</div>",
        f"{OPEN}{'<b>' * 300}x{'</b>' * 300}</div>",
        "",
    ],
)
def test_what_is_no_narrative_is_refused(div: str) -> None:
    assert codes_of(div) == ["txt-1"]


@pytest.mark.parametrize("inner", ["", " \n ", "<p></p>", "<br/>", "<!-- only a comment -->", '<img alt="x"/>'])
def test_a_narrative_that_says_nothing_is_refused(inner: str) -> None:
    assert codes_of(f"{OPEN}{inner}</div>") == ["txt-2"]


@pytest.mark.parametrize("div", [1, None, {}, ["x"]])
def test_what_is_no_text_is_refused(div: object) -> None:
    assert len(codes_of(div)) == 1


def test_the_entities_of_html_become_characters() -> None:
    assert without_html_entities("a&nbsp;&eacute;&amp;&lt;&foo;") == "a\xa0é&amp;&lt;&foo;"


def test_a_huge_narrative_is_read_in_bounded_time() -> None:
    from mappers.r4.faults import Scope

    assert xhtml_check(f"{OPEN}{'<p>x</p>' * 50_000}</div>", Scope({})) is None
