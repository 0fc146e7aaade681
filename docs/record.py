"""Run the worked examples and keep what they print and draw, for their pages.

python docs/record.py                                all four, as they run without any file
python docs/record.py card_fraud_network TABLE ...   one, with arguments of its own
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent / "examples"
PICTURES = ("*.svg", "*.png")


def record(name: str, arguments: list[str]) -> None:
    """Run one example and keep its output and its pictures beside its page."""
    kept = HERE / "examples" / name
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments, "--out", folder]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        for pattern in PICTURES:
            for path in Path(folder).glob(pattern):
                shutil.copy(path, kept / path.name)
    (kept / "output.txt").write_text(done.stdout, encoding="utf-8")


def main() -> None:
    """Record what is asked for."""
    name, *arguments = sys.argv[1:] or [""]
    for each in [name] if name else sorted(path.stem for path in EXAMPLES.glob("*.py")):
        record(each, arguments)


if __name__ == "__main__":
    main()
