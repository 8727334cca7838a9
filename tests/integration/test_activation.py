"""The package as it is installed: every interpreter of the environment knows the drivers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from environments import ROOT, Environment, Pip, build, link_libraries, run

pytestmark = pytest.mark.integration

FILES = ("otel_bridge.pth", "otel_bridge.start")

_ACTIVE = "import sys; m = sys.modules.get('otel_bridge.adopt.activate'); print(bool(m and m.is_active()))"
#: A service that has never heard of us.
_SERVICE = """
import sys
from oslo_config import cfg
from osprofiler.drivers import base
for scheme in ("otel", "otel+https", "otel+grpc", "otel+grpcs"):
    try:
        driver = base.get_driver(scheme + "://collector:4318", project="p", service="s", host="h", conf={})
    except ValueError as error:
        print(error)
    else:
        print(type(driver).__module__, driver.get_name())
"""
_KNOWN = "".join(
    f"otel_bridge.adopt.driver {scheme}\n" for scheme in ("otel", "otel+https", "otel+grpc", "otel+grpcs")
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(built: tuple[Path, Path]) -> Path:
    return built[0]


@pytest.fixture(scope="module")
def sdist(built: tuple[Path, Path]) -> Path:
    return built[1]


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return link_libraries(tmp_path_factory.mktemp("links") / "libraries")


@pytest.fixture(scope="module")
def new_environment(tmp_path_factory: pytest.TempPathFactory, libraries: Path) -> Callable[[], Environment]:
    return lambda: Environment(tmp_path_factory.mktemp("environment") / "venv", libraries)


@pytest.fixture(scope="module")
def pip(tmp_path_factory: pytest.TempPathFactory) -> Pip:
    directory = tmp_path_factory.mktemp("pip") / "venv"
    run(sys.executable, "-m", "venv", directory)
    return Pip(directory / "bin" / "python")


@pytest.fixture(scope="module")
def uv() -> Callable[..., str]:
    program = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if program is None:
        pytest.skip("uv is not installed")

    def uv(environment: Environment, command: str, *arguments: object) -> str:
        options = ["--quiet", "--no-config", "--offline", "--no-cache", "--python", environment.python]
        return run(program, "pip", command, *options, *arguments)

    return uv


@pytest.fixture(scope="module")
def installed(new_environment: Callable[[], Environment], pip: Pip, wheel: Path) -> Environment:
    environment = new_environment()
    pip(environment, "install", "--no-deps", "--no-index", wheel)
    return environment


def check(environment: Environment, *options: str, **environ: str) -> tuple[int, str]:
    """What ``otel-bridge check`` says of the activation, and its exit code."""
    done = subprocess.run(
        [environment.python, *options, "-m", "otel_bridge", "check"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd="/",
        env={"PATH": os.environ["PATH"], **environ},
    )
    assert done.stderr == ""
    return done.returncode, next(line for line in done.stdout.splitlines() if " activation: " in line)


# -- what is built ----------------------------------------------------------------------------------------


def test_both_files_are_at_the_top_of_the_wheel_once(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert [sum(name.endswith(file) for name in names) for file in FILES] == [1, 1]
    assert set(FILES) <= set(names)


def test_the_sdist_makes_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    [source] = tmp_path.iterdir()
    rebuilt, _ = build(tmp_path / "dist", source)
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(rebuilt) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())


# -- what is installed ------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["wheel", "sdist", "editable"])
@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_installed_and_uninstalled(
    installer: str, what: str, new_environment: Callable[[], Environment], request: pytest.FixtureRequest
) -> None:
    install: Callable[..., str] = request.getfixturevalue(installer)
    source = ["-e", ROOT] if what == "editable" else [request.getfixturevalue(what)]
    environment = new_environment()
    assert environment.run("-c", _ACTIVE) == "False\n"
    install(environment, "install", "--no-deps", "--no-index", "--no-build-isolation", *source)
    found = [path for file in FILES for path in environment.python.parents[1].rglob(file)]
    assert found == [environment.packages / file for file in FILES]
    assert environment.run("-c", _ACTIVE) == "True\n"
    assert environment.run("-c", _SERVICE) == _KNOWN

    install(environment, "uninstall", *(["--yes"] if installer == "pip" else []), "otel-bridge")
    left = environment.python.parents[1].rglob("*otel_bridge*/**/*")  # pip leaves empty directories
    assert [path for path in left if path.is_file()] == []
    assert [file for file in FILES if (environment.packages / file).exists()] == []
    assert environment.run("-c", _ACTIVE) == "False\n"


@pytest.mark.parametrize(
    "options",
    [[], ["-I"], ["-E"], ["-s"], ["-P"], ["-O"], ["-OO"], ["-B"], ["-W", "error"], ["-X", "dev"], ["-bb"]],
    ids=" ".join,
)
def test_active_under_the_interpreters_options(options: list[str], installed: Environment) -> None:
    assert installed.run(*options, "-c", _ACTIVE) == "True\n"


@pytest.mark.parametrize(
    "environ",
    [
        {"PYTHONSAFEPATH": "1"},
        {"PYTHONNOUSERSITE": "1"},
        {"PYTHONOPTIMIZE": "2"},
        {"PYTHONDONTWRITEBYTECODE": "1"},
        {"PYTHONPATH": "/nowhere"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
    ids=" ".join,
)
def test_active_in_the_environment(environ: dict[str, str], installed: Environment) -> None:
    assert installed.run("-c", _ACTIVE, **environ) == "True\n"


def test_a_service_finds_the_drivers_though_it_never_imports_us(installed: Environment) -> None:
    assert installed.run("-c", _SERVICE) == _KNOWN


def test_switched_off(installed: Environment) -> None:
    for program, said in ((_ACTIVE, "False"), (_SERVICE, "Driver not found for connection string: otel")):
        assert installed.run("-c", program, OTEL_BRIDGE_ACTIVATE="0").startswith(said)


def test_check_says_where_it_is_active(installed: Environment) -> None:
    assert check(installed) == (0, f"ok       activation: by {installed.packages / FILES[0]}")
    assert check(installed, OTEL_BRIDGE_ACTIVATE="0") == (
        1,
        "problem  activation: switched off here by OTEL_BRIDGE_ACTIVATE=0",
    )


def test_active_in_sub_interpreters(installed: Environment) -> None:
    """Each runs site anew, as those of mod_wsgi do."""
    said = installed.run(
        "-c",
        "try:\n"
        "    import _interpreters as interpreters\n"
        "except ImportError:\n"
        "    import _xxsubinterpreters as interpreters\n"
        "import sys\n"
        "made = interpreters.create()\n"
        "run = getattr(interpreters, 'run_string', None) or interpreters.exec\n"
        "run(made, sys.argv[1])",
        f"{_ACTIVE}; sys.stdout.flush()",
    )
    assert said == "True\n"


def test_nothing_else_is_imported_at_start(
    new_environment: Callable[[], Environment], installed: Environment
) -> None:
    program = "import sys; print(*sorted(sys.modules))"
    with_it, without = (set(one.run("-c", program).split()) for one in (installed, new_environment()))
    assert with_it - without == {"otel_bridge", "otel_bridge.adopt", "otel_bridge.adopt.activate"}


# -- where no .pth file is read ---------------------------------------------------------------------------

_IMPORT = "import otel_bridge.adopt.activate\n"


def test_without_site_one_import_does_it(installed: Environment, libraries: Path) -> None:
    path = os.pathsep.join([str(installed.packages), str(libraries)])
    assert installed.run("-S", "-c", _ACTIVE, PYTHONPATH=path) == "False\n"
    assert installed.run("-S", "-c", _IMPORT + _SERVICE, PYTHONPATH=path) == _KNOWN
    code, line = check(installed, "-S", PYTHONPATH=path)
    assert code == 1
    assert "otel_bridge.pth is not read under python -S" in line


def test_in_a_target_directory_one_import_does_it(
    new_environment: Callable[[], Environment], pip: Pip, wheel: Path, tmp_path: Path
) -> None:
    environment, target = new_environment(), tmp_path / "target"
    pip(environment, "install", "--no-deps", "--no-index", "--target", target, wheel)
    assert environment.run("-c", _ACTIVE, PYTHONPATH=str(target)) == "False\n"
    assert environment.run("-c", _IMPORT + _SERVICE, PYTHONPATH=str(target)) == _KNOWN
    code, line = check(environment, PYTHONPATH=str(target))
    assert code == 1
    assert f"{target / FILES[0]} is in a directory whose .pth files are not read" in line
    assert environment.run("-c", f"import site; site.addsitedir({str(target)!r})\n" + _SERVICE) == _KNOWN
