"""What packaging/ names is there: targets, files, extras, commands; and units are as hardened as the page says."""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from zeek_beacons.live.settings import SidecarConfig

ROOT = Path(__file__).parents[1]
PACKAGING = ROOT / "packaging"
DOCKERFILE = (PACKAGING / "Dockerfile").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "packaging.md").read_text(encoding="utf-8")
UNITS = sorted(PACKAGING.glob("*.service"))
OWN = ("sidecar", "console", "laboratory")  # run what is ours
NEEDS_SYSTEMD = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
EVERY_UNIT = pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)


def stages() -> dict[str, str]:
    """The steps of each stage of the Dockerfile."""
    parts = re.split(r"^FROM \S+ AS (\S+)\n", DOCKERFILE, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((PACKAGING / "compose.yaml").read_text(encoding="utf-8"))[
        "services"
    ]
    return found


def test_compose_builds_targets_that_exist() -> None:
    assert {one["build"]["target"] for one in services().values()} == {*OWN, "zeek"} <= stages().keys()
    for one in services().values():
        build = one["build"]
        assert (PACKAGING / build["context"] / build["dockerfile"]).resolve() == PACKAGING / "Dockerfile"


@pytest.mark.parametrize("target", OWN)
def test_what_is_ours_runs_as_nobody_special(target: str) -> None:
    assert re.search(r"^USER 8520:8520$", stages()[target], flags=re.MULTILINE)
    assert re.search(r"^VOLUME /var/lib/zeek-beacons$", stages()[target], flags=re.MULTILINE)


@pytest.mark.parametrize("target", ["sidecar", "console"])
def test_what_serves_says_whether_it_is_healthy(target: str) -> None:
    assert re.search(r"^HEALTHCHECK ", stages()[target], flags=re.MULTILINE)


@pytest.mark.parametrize("name", services())
def test_containers_may_do_little(name: str) -> None:
    one = services()[name]
    assert one["read_only"]
    assert one["cap_drop"] == ["ALL"]
    assert set(one.get("cap_add", [])) <= ({"NET_RAW", "NET_ADMIN"} if name == "zeek" else set())
    assert "no-new-privileges:true" in one["security_opt"]
    assert not one.get("privileged")


def test_settings_of_containers_are_known() -> None:
    for one in services().values():
        for name in one.get("environment", {}):
            if name.startswith("ZEEK_BEACONS_SIDECAR_"):
                assert name.removeprefix("ZEEK_BEACONS_SIDECAR_").lower() in SidecarConfig.__dataclass_fields__


def test_images_copy_files_that_are_there_and_not_left_out() -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"]
    copied = [
        name
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, flags=re.MULTILINE)
        for name in line.split()[:-1]
    ]
    assert copied
    for name in copied:
        assert (ROOT / name).exists(), name
        assert any(fnmatch.fnmatch(name, pattern) for pattern in kept), f".dockerignore leaves out {name}"


@pytest.mark.parametrize("text", [DOCKERFILE, PAGE, *(unit.read_text(encoding="utf-8") for unit in UNITS)])
def test_extras_exist(text: str) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for named in re.findall(r"'\.\[([\w,]+)\]'", text):
        assert set(named.split(",")) <= extras.keys()


def test_nothing_names_a_registry_of_packages() -> None:
    """Whoever builds has a registry of their own, or the usual one."""
    for path in PACKAGING.rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"index-url|find-links|trusted-host|PIP_|sources\.list\.d", text), path


def hardened(unit: Path) -> set[str]:
    return {line for line in unit.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"}


@EVERY_UNIT
def test_units_run_what_the_package_installs(unit: Path) -> None:
    (command,) = re.findall(r"^ExecStart=(.+)$", unit.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert command.startswith("/opt/zeek-beacons/bin/zeek-beacons ")
    assert {"DynamicUser=yes", "User=zeek-beacons", "StateDirectory=zeek-beacons"} <= hardened(unit)


@NEEDS_SYSTEMD
@EVERY_UNIT
def test_systemd_takes_the_units(unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name
    copy.write_text(re.sub(r"^ExecStart=.*", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE))
    done = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@NEEDS_SYSTEMD
@EVERY_UNIT
def test_units_are_as_hardened_as_the_page_says(unit: Path) -> None:
    (said,) = re.findall(rf"^\| `packaging/{re.escape(unit.name)}` \| ([\d.]+) ", PAGE, flags=re.MULTILINE)
    most = round(10 * (float(said) + 0.3))  # other versions of systemd look at a little more, or less
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={most}", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True)
    if "nrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze looks at no files")
    assert done.returncode == 0, done.stdout + done.stderr
