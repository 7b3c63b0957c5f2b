"""Notebook, script and picture of a tutorial in Markdown, so that they cannot differ.

python tutorials/site/notebook.py tutorials/first_ntuple.md

The notebook (its Python run, with what it prints and draws) and the script (its Python alone) are
written beside the tutorial, the last picture to ``figures/``; files that the code writes stay in a
temporary folder.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

_CODE = re.compile(r"^```python\n(.*?)^```$\n?", re.MULTILINE | re.DOTALL)


def cells(markdown: str) -> list[tuple[str, str]]:
    """Kind (``markdown`` or ``code``) and text of each cell of a tutorial."""
    parts = _CODE.split(markdown)
    kinds = ("markdown", "code")
    return [(kinds[k % 2], part.strip("\n")) for k, part in enumerate(parts) if part.strip()]


def script(markdown: str, name: str) -> str:
    """The code of a tutorial as a plain script.

    Args:
        markdown: the tutorial.
        name: its name, without the ending.
    """
    title = markdown.partition("\n")[0].removeprefix("# ")
    made = f"Made from {name}.md by site/notebook.py; files go to the current folder."
    parts = [text for kind, text in cells(markdown) if kind == "code"]
    return "\n\n".join([f'"""{title}.\n\n{made}\n"""', *parts]) + "\n"


def run(source: str, names: dict[str, Any]) -> list[dict[str, Any]]:
    """Run a cell; its outputs as a notebook keeps them."""
    import matplotlib.pyplot as plt

    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(source, "<cell>", "exec"), names)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        text = printed.getvalue().splitlines(keepends=True)
        outputs.append({"output_type": "stream", "name": "stdout", "text": text})
    for number in plt.get_fignums():
        picture = io.BytesIO()
        plt.figure(number).savefig(picture, format="png", dpi=80)
        plt.close(number)
        data = {"image/png": base64.b64encode(picture.getvalue()).decode()}
        outputs.append({"output_type": "display_data", "data": data, "metadata": {}})
    return outputs


def notebook(markdown: str) -> dict[str, Any]:
    """The notebook of a tutorial (nbformat 4.5), its code run in the current folder."""
    import matplotlib
    import matplotlib.pyplot as plt

    matplotlib.use("agg")
    plt.close("all")  # what others left open is not the tutorial's
    names: dict[str, Any] = {}
    found = []
    for number, (kind, text) in enumerate(cells(markdown)):
        cell: dict[str, Any] = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}}
        cell["source"] = text.splitlines(keepends=True)
        if kind == "code":
            cell |= {"execution_count": None, "outputs": run(text, names)}
        found.append(cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": found, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def main(tutorial: Path) -> Path:
    """Write the notebook, the script and the picture of a tutorial; returns the notebook."""
    tutorial = tutorial.absolute()
    markdown = tutorial.read_text()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        made = notebook(markdown)
        os.chdir(tutorial.parent)
    path = tutorial.with_suffix(".ipynb")
    path.write_text(json.dumps(made, indent=1) + "\n")
    path.with_suffix(".py").write_text(script(markdown, tutorial.stem))
    outputs = [o for cell in made["cells"] for o in cell.get("outputs", [])]
    pictures = [o["data"]["image/png"] for o in outputs if "data" in o]
    picture = tutorial.parent / "figures" / f"{tutorial.stem}.png"
    picture.write_bytes(base64.b64decode(pictures[-1]))
    return path


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
