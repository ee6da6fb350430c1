"""Scripts without what means nothing: what comes out has the syntax tree of what went in."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from web.files import SHORTENED, load
from web.scripts import shortened
from web.viewer_endpoints import FOLDER

pytest_plugins = ["tests.web.browser_fixtures"]

ALIKE = """([before, after]) => {
    const tree = text => JSON.stringify(
        acorn.parse(text, {ecmaVersion: 'latest', sourceType: 'module'}),
        (name, value) => (name === 'start' || name === 'end' ? undefined : value),
    );
    return tree(before) === tree(after);
}"""

HARD = {
    "comments": "a(); // it's a `text`\n/* b\n 'c' */ d(); /**/ e()",
    "texts": "const a = '// no comment  ', b = \"it's  \\\" /* one */\", c = 'x\\\n  y';",
    "template": "const a = `  // ${b + ` ${ {c: `}  `}.c } ' `}  $ \\` \\${ ${d}\n  e`; f  ( `` );",
    "pattern": "const a = /[/'\"]  \\/ `/gi.test(b) ? /c/ : x / y / z; if (d) return1(); [/ '/, / \"/]",
    "pattern after a word": "const f = () => { return / '  /.test(a); }; g = typeof / \" /; h / 2 / 'i'.length",
    "signs": "a + +b - -c; d - --e; f++ + ++g; h = i / /j/.lastIndex; k ? .5 : l ?. m;",
    "numbers": "1 .toFixed(2); 1.5 .toFixed(); 0x1F in a; 1e3 instanceof B; 1_000 ** 2",
    "line ends": "let a = b\nlet c = d\n++e\nf\n[1].g()\nh = {\n i,\n j\n}\n;[k]\nconst l = () => {\n m\n}\nn()",
    "classes": "class A extends B { #c = 1; get d() { return this.#c ?? super.d; } static { e(); } async *f() {} }",
    "words": "for (const a of b) if (a in c) delete d[a]; else throw new E; export default async () => { await `f` }",
    "other letters": "const größe = 'ß  ', ñ = größe; const $a = _b, π = $a;",
}


@pytest.fixture(scope="module")
def reader(browser: Browser) -> Page:
    """A page with a parser of JavaScript."""
    page = browser.new_page()
    page.add_script_tag(path=Path(__file__).parent / "vendor" / "acorn.js")
    return page


@pytest.mark.browser
@pytest.mark.parametrize("name", HARD)
def test_hard_cases_stay_what_they_are(reader: Page, name: str) -> None:
    short = shortened(HARD[name])
    assert reader.evaluate(ALIKE, [HARD[name], short])
    assert len(short) < len(HARD[name]) and shortened(short) == short


@pytest.mark.browser
def test_every_script_of_the_viewer_stays_what_it_is(reader: Page) -> None:
    scripts = [path for path in FOLDER.iterdir() if path.suffix == SHORTENED]
    assert len(scripts) > 20
    for path in scripts:
        sent = load(path).plain.decode()
        assert reader.evaluate(ALIKE, [path.read_text(), sent]), path.name
        assert len(sent) < path.stat().st_size


@pytest.mark.browser
def test_what_is_not_alike_is_told(reader: Page) -> None:
    assert not reader.evaluate(ALIKE, ["a = ' b'", "a = 'b'"])


def test_comments_and_space_go() -> None:
    script = "/** What it does. */\nexport function add(a, b) {\n  // together\n  return a + b; // a sum\n}\n"
    assert shortened(script) == "export function add(a,b){return a+b;}"
    assert shortened("") == shortened(" // nothing \n") == ""
