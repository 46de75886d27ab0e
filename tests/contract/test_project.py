"""The project's own promises: two commands, one CI command, a wheel that carries its data."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_ci_runs_the_command_of_the_readme() -> None:
    commands = [
        line for line in (ROOT / ".ci/run").read_text().splitlines() if line.startswith("make")
    ]
    assert commands == ["make test"]
    readme = (ROOT / "README.md").read_text()
    assert "make test" in readme
    assert "make demo" in readme


def test_collection_and_package_have_one_version() -> None:
    namespace: dict[str, str] = {}
    exec((ROOT / "b2ct/__init__.py").read_text(), namespace)
    assert f"version: {namespace['__version__']}\n" in (ROOT / "galaxy.yml").read_text()


def test_every_documented_make_target_exists() -> None:
    done = subprocess.run(["make", "-n", "help"], cwd=ROOT, capture_output=True, check=True)
    assert done.returncode == 0
    makefile = (ROOT / "Makefile").read_text()
    for document in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for line in document.read_text().splitlines():
            if line.strip().startswith("make "):
                target = line.split()[1]
                assert f"\n{target}:" in makefile, f"{document.name}: make {target} does not exist"


@pytest.mark.slow
def test_wheel_works_from_any_folder(tmp_path: Path) -> None:
    """A wheel in a virtual environment of its own renders the packaged example site."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    subprocess.run(
        [sys.executable, "-m", "pip", "-q", "wheel", "--no-deps", "-w", str(tmp_path), str(ROOT)],
        check=True,
        env=environment,
    )
    (wheel,) = tmp_path.glob("b2ct-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "ansible_collections/b2ct/cloud/plugins/inventory/site.py" in names
    assert "ansible_collections/b2ct/cloud/playbooks/site.yml" in names
    assert "b2ct/verify/checks/test_system.py" in names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]
    # The dependencies are those of the running environment; only b2ct itself is the wheel's.
    builder = venv.EnvBuilder(with_pip=False, system_site_packages=False)
    builder.create(tmp_path / "venv")
    site = next((tmp_path / "venv/lib").glob("python*/site-packages"))
    zipfile.ZipFile(wheel).extractall(site)
    purelib = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    (site / "dependencies.pth").write_text(f"{purelib}\n")
    python = tmp_path / "venv/bin/python"
    example = site / "b2ct/_data/inventories/example"
    script = "from b2ct.cli import main; main()"

    def b2ct(*arguments: str) -> str:
        done = subprocess.run(
            [str(python), "-c", script, *arguments],
            cwd=tmp_path,
            env=environment | {"B2CT_VAULT_PASSWORD_FILE": str(example / "vault-password.example")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = subprocess.run(
        [str(python), "-c", "import b2ct; print(b2ct.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert where.startswith(str(site))
    b2ct("check", str(example))
    b2ct("kickstart", str(example), "-o", str(tmp_path / "out"))
    assert sorted(path.name for path in (tmp_path / "out").glob("*.ks")) == [
        "control1.ks",
        "control2.ks",
        "node1.ks",
        "node2.ks",
    ]
    # The collection of the wheel plays, and its checks run: on this machine, changing nothing.
    local = tmp_path / "local"
    local.mkdir()
    shutil.copy(example / "site.yml", local)
    (local / "host_vars").mkdir()
    (local / "host_vars" / "cache1.yml").write_text(
        f"ansible_connection: local\nansible_python_interpreter: {python}\n"
        "precheck_names: []\nprecheck_repositories: []\nprecheck_mounts: [/proc]\n"
        "precheck_family: ''\nprecheck_major: 0\nprecheck_ports: []\n"
    )
    environment["XDG_STATE_HOME"] = str(tmp_path / "state")
    told = b2ct("deploy", str(local), "--stage", "precheck", "--limit", "cache1")
    assert "precheck: done in " in told
    (log,) = (tmp_path / "state").rglob("deploy-*.log")
    assert f"{site}/ansible_collections/b2ct/cloud/playbooks/precheck.yml" in log.read_text()
    (local / "checks").mkdir()
    (local / "checks" / "test_own.py").write_text(
        'GROUPS = ("cache",)\n\ndef test_x(host):\n    """It has a table of accounts"""\n'
        '    assert host.file("/etc/passwd").exists\n'
    )
    assert "example: accepted: 2 checks" in b2ct("verify", str(local), "cache1", "--only", "own")


def test_links_of_the_documents_lead_somewhere() -> None:
    documents = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
    broken = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#]+)", document.read_text())
        if not target.startswith(("http://", "https://"))
        and not (document.parent / target).exists()
    ]
    assert broken == []
