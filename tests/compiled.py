"""`pytest -p tests.compiled`: the tests in this process use the compiled modules too, which `make build` makes."""

import pytest

from app import compiled

compiled.use()
if not compiled.folder(compiled.ROOT).is_dir():
    pytest.exit("These sources are not compiled: run `make build`.", returncode=1)
