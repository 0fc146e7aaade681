"""How the documentation is built: Sphinx, numpydoc, and two directives of our own. Nothing comes from the network."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

import counterpoise

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

project = "counterpoise"
author = "The counterpoise developers"
project_copyright = "2026, The counterpoise developers"
release = counterpoise.__version__
extensions = ["sphinx.ext.autodoc", "numpydoc"]
exclude_patterns = ["_build"]
nitpick_ignore_regex = [("py:.*", r"sklearn\..*")]  # its inventory would have to be fetched
html_theme = "alabaster"
html_title = "counterpoise"
html_theme_options = {
    "description": "What to do about a rare outcome, shown with evidence.",
    "page_width": "1280px",
    "body_max_width": "none",
    "font_family": "system-ui, sans-serif",
    "head_font_family": "system-ui, sans-serif",
    "sidebar_width": "250px",
    "fixed_sidebar": True,
}
html_math_renderer = "tex"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
autodoc_typehints = "none"
autodoc_member_order = "groupwise"
routing = [f"set_{method}_request" for method in ("fit", "partial_fit", "predict", "score", "transform")]
autodoc_default_options = {"members": True, "exclude-members": ",".join(routing)}  # scikit-learn's own


def _nested(directive: Directive, text: str) -> list[nodes.Node]:
    """Parse text as if it stood in the page."""
    holder = nodes.section()
    holder.document = directive.state.document
    directive.state.nested_parse(StringList(text.splitlines(), "generated"), 0, holder, match_titles=True)
    return list(holder.children)


class CommandHelp(Directive):
    """Show what a command says with ``--help``."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Ask the command."""
        from typer.testing import CliRunner

        from counterpoise.cli.main import app

        words = self.arguments[0].split()
        env = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
        said = CliRunner(env=env).invoke(app, [*words, "--help"], terminal_width=100).output
        text = "\n".join(line.rstrip() for line in said.strip().splitlines())
        block = nodes.literal_block(text, text)
        block["language"] = "none"
        return [block]


class Markdown(Directive):
    """Include a page of simple Markdown: headings, paragraphs, code, tables, links."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Translate and parse."""
        path = (HERE / self.arguments[0]).resolve()
        self.state.document.settings.env.note_dependency(str(path))
        return _nested(self, markdown_to_rst(path.read_text(encoding="utf-8")))


def markdown_to_rst(text: str) -> str:
    """Translate simple Markdown.

    Parameters
    ----------
    text : str
        Markdown; its first heading is left out.

    Returns
    -------
    str
        reStructuredText.
    """
    out: list[str] = []
    lines = text.splitlines()
    k = 0
    while k < len(lines):
        line = lines[k]
        if line.startswith("# "):
            k += 1
        elif line.startswith("#"):
            title = _inline(line.lstrip("# "))
            out += ["", title, ("-" if line.startswith("## ") else "~") * len(title), ""]
            k += 1
        elif line.startswith("```"):
            end = next((j for j in range(k + 1, len(lines)) if lines[j].startswith("```")), len(lines))
            out += [
                "",
                f".. code-block:: {line[3:] or 'none'}",
                "",
                *(f"   {code}" for code in lines[k + 1 : end]),
                "",
            ]
            k = end + 1
        elif picture := re.fullmatch(r"!\[([^\]]*)\]\(([^)]+)\)", line):
            out += ["", f".. image:: /{picture[2]}", f"   :alt: {picture[1]}", ""]
            k += 1
        elif line.startswith("|"):
            end = next((j for j in range(k, len(lines)) if not lines[j].startswith("|")), len(lines))
            out += _table(lines[k:end])
            k = end
        elif line.startswith("    "):
            end = next(
                (j for j in range(k, len(lines)) if lines[j].strip() and not lines[j].startswith("    ")),
                len(lines),
            )
            out += ["", ".. code-block:: none", "", *lines[k:end], ""]
            k = end
        else:
            out.append(_inline(line))
            k += 1
    return "\n".join(out)


def _inline(text: str) -> str:
    text = re.sub(r"\[([^\]]+)\]\(([^)]+)\)", r"\1", text)
    text = re.sub(r"\*\*([^*]+)\*\*", lambda bold: "**" + bold[1].replace("`", "") + "**", text)
    text = re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", text)
    return text.replace("|", r"\|")


def _table(lines: list[str]) -> list[str]:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    out = ["", ".. list-table::", "   :header-rows: 1", "   :class: figures", ""]
    for row in (rows[0], *rows[2:]):
        out += [f"   {'* -' if j == 0 else '  -'} {_inline(cell)}".rstrip() for j, cell in enumerate(row)]
    return [*out, ""]


def _formula(tag: str) -> tuple[Any, Any]:
    """Show a formula as it is written: TeX stays readable, and no script is fetched from elsewhere."""

    def visit(translator: Any, node: nodes.Node) -> None:
        text = translator.encode(" ".join(node.astext().split()))
        translator.body.append(f'<{tag} class="formula"><code>{text}</code></{tag}>')
        raise nodes.SkipNode

    return visit, None


def setup(app: Any) -> None:
    """Add the directives, and formulas as text.

    Parameters
    ----------
    app : sphinx.application.Sphinx
        The build.
    """
    app.add_html_math_renderer("tex", inline_renderers=_formula("span"), block_renderers=_formula("div"))
    app.add_directive("command-help", CommandHelp)
    app.add_directive("markdown", Markdown)
