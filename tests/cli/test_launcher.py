"""The launcher in the repository's root, in a checkout of its own whose `pip` only notes what it was asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).parents[2] / "miner-ctrl"
PYTHON = f"""#!/bin/sh
log="$CHECKOUT/log"
case "$1 $2" in
    "-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
    "-m pip")
        echo "$*" >> "$log"
        echo "noise of pip"
        [ ! -e "$CHECKOUT/pip-fails" ] || exit 1
        sleep 0.2
        case "$*" in *--editable*)
            printf '#!/bin/sh\\necho "ran:" "$@"\\n' > "$CHECKOUT/.venv/bin/miner-ctrl"
            chmod +x "$CHECKOUT/.venv/bin/miner-ctrl" ;;
        esac ;;
    *) exec {sys.executable} "$@" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    made = tmp_path / "a check out"
    for folder in ("scripts", "requirements", "bin"):
        (made / folder).mkdir(parents=True)
    shutil.copy(LAUNCHER, made / "miner-ctrl")
    (made / "requirements" / "runtime.txt").write_text("")
    (made / "bin" / "python").write_text(PYTHON)
    (made / "bin" / "python").chmod(0o755)
    (made / "scripts" / "find-python").write_text(f"echo '{made}/bin/python'\n")
    return made


def start(checkout: Path, *arguments: str, launcher: Path | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(launcher or checkout / "miner-ctrl"), *arguments],
        env={**os.environ, "CHECKOUT": str(checkout)},
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def installs(checkout: Path) -> int:
    return (checkout / "log").read_text().count("--editable")


def test_first_use_makes_the_environment_from_the_lock_files_and_says_so_on_stderr(checkout: Path) -> None:
    out, err = start(checkout, "peer", "list", "two words").communicate(timeout=60)
    assert out == "ran: peer list two words\n"
    assert "preparing" in err
    assert "--require-hashes" in (checkout / "log").read_text()
    out, err = start(checkout, "again").communicate(timeout=60)
    assert (out, err) == ("ran: again\n", "")
    assert installs(checkout) == 1


def test_two_first_uses_at_once_make_it_once(checkout: Path) -> None:
    started = [start(checkout, str(number)) for number in range(3)]
    outs = [process.communicate(timeout=60)[0] for process in started]
    assert outs == ["ran: 0\n", "ran: 1\n", "ran: 2\n"]
    assert installs(checkout) == 1


def test_it_is_found_through_links(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "inner").symlink_to(checkout / "miner-ctrl")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "mc").symlink_to("../inner")
    out, _ = start(checkout, "x", launcher=tmp_path / "links" / "mc").communicate(timeout=60)
    assert out == "ran: x\n"


def test_what_was_half_made_is_made_again(checkout: Path) -> None:
    (checkout / "pip-fails").touch()
    failed = start(checkout)
    out, err = failed.communicate(timeout=60)
    assert failed.returncode == 1
    assert out == ""
    assert "could not be made" in err
    (checkout / "pip-fails").unlink()
    assert start(checkout, "x").communicate(timeout=60)[0] == "ran: x\n"


def test_newer_lock_files_are_installed(checkout: Path) -> None:
    start(checkout).communicate(timeout=60)
    later = (checkout / ".venv" / ".installed-run").stat().st_mtime + 10
    os.utime(checkout / "requirements" / "runtime.txt", (later, later))
    start(checkout).communicate(timeout=60)
    assert installs(checkout) == 2


def test_without_a_python_it_says_what_is_needed(checkout: Path) -> None:
    (checkout / "scripts" / "find-python").write_text("echo 'No Python >= 3.11 with venv found.' >&2\nexit 1\n")
    failed = start(checkout)
    _, err = failed.communicate(timeout=60)
    assert failed.returncode == 1
    assert "Python >= 3.11" in err
