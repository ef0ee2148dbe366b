"""Compiles the modules that pyproject.toml lists under `[tool.page-inbox]`. All else about the package is in that file.

COMPILE=1 pip wheel .         a wheel with compiled modules
COMPILE=1 python setup.py     compiles for this clone, as `make build` does (app/compiled.py)
"""

import os
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Final

from setuptools import Extension, setup

ROOT: Final = Path(__file__).parent


def extensions() -> list[Extension]:
    """The modules to compile, as C."""
    from mypyc.build import mypycify  # only who compiles needs it

    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["page-inbox"]["compiled"]
    paths = [f"{name.replace('.', '/')}.py" for name in listed]
    made: list[Extension] = mypycify(
        ["--config-file=pyproject.toml", *paths], opt_level="3", debug_level="0", group_name="page_inbox"
    )
    return made


def compile_here() -> None:
    """Into the folder that app/compiled.py looks for. It appears at once and whole; those of older sources go."""
    sys.path.insert(0, str(ROOT))
    from app.compiled import folder

    wanted = folder(ROOT)
    if wanted.is_dir():
        return
    making = wanted.with_suffix(".making")
    shutil.rmtree(making, ignore_errors=True)
    arguments = ["--quiet", "build_ext", f"--build-lib={making}", f"--build-temp={ROOT / 'build' / 'objects'}"]
    setup(ext_modules=extensions(), script_args=arguments)
    if folder(ROOT) != wanted:
        sys.exit("The sources were changed meanwhile. Run it again.")
    making.rename(wanted)
    for other in wanted.parent.iterdir():
        if other != wanted:
            shutil.rmtree(other, ignore_errors=True)


if __name__ == "__main__" and len(sys.argv) == 1:
    compile_here()
else:
    setup(ext_modules=extensions() if os.environ.get("COMPILE") == "1" else [])
