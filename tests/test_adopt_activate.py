"""adopt/activate.py: what happens right after a module's import, and nothing before or besides."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import logging
import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
import wrapt

from otel_bridge.adopt import activate
from otel_bridge.adopt.activate import after_import

ROOT = Path(__file__).parent.parent
_BOUND = 20.0  # seconds

#: A module that says that it has begun, and waits until it may go on.
_HELD = """
import threading
begun, go_on = threading.Event(), threading.Event()
half = True
begun.set()
assert go_on.wait(20)
half = False
"""


@pytest.fixture(autouse=True)
def waiting(monkeypatch):
    """Nothing is waited for, by no finder of ours; afterwards finders are as before."""
    finders = list(sys.meta_path)
    sys.meta_path[:] = [finder for finder in finders if finder is not activate._Finder]
    monkeypatch.setattr(activate, "_waiting", {})
    yield
    sys.meta_path[:] = finders
    for name in [name for name in sys.modules if name.startswith("mod_")]:
        del sys.modules[name]


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Make a module that can be imported."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(name, text):
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        importlib.invalidate_caches()
        return path

    return write


@pytest.fixture
def seen():
    return []


def run(*arguments, **environ):
    """Another interpreter, which finds this checkout and nothing that is installed."""
    return subprocess.run(
        [sys.executable, "-S", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(ROOT), **environ},
    )


# -- modules ----------------------------------------------------------------------------------------------


def test_the_callback_gets_the_module_once_it_is_complete(write, seen):
    write("mod_one", "import os\nvalue = 1\n")
    after_import("mod_one", lambda module: seen.append((module, module.value)))
    assert seen == []
    import mod_one

    assert seen == [(mod_one, 1)]


def test_an_imported_module_is_there_already(seen):
    after_import("json", seen.append)
    assert seen == [sys.modules["json"]]


def test_callbacks_are_called_in_their_order(write, seen):
    write("mod_one", "")
    for number in range(3):
        after_import("mod_one", lambda module, number=number: seen.append(number))
    importlib.import_module("mod_one")
    assert seen == [0, 1, 2]


def test_a_callback_is_called_once(write, seen):
    write("mod_one", "")
    after_import("mod_one", seen.append)
    module = importlib.import_module("mod_one")
    importlib.reload(module)
    del sys.modules["mod_one"]
    importlib.import_module("mod_one")
    assert seen == [module]


def test_the_module_keeps_no_trace(write):
    path = write("mod_one", "loaders = __loader__, __spec__.loader\n")
    after_import("mod_one", lambda module: None)
    import mod_one

    loaders = (*mod_one.loaders, mod_one.__loader__, mod_one.__spec__.loader)
    assert {type(loader) for loader in loaders} == {importlib.machinery.SourceFileLoader}
    assert mod_one.__loader__.get_source("mod_one") == path.read_text()


def test_a_spec_that_nobody_loads_has_all_that_its_loader_has(write, seen):
    write("mod_one", "value = 1\n")
    after_import("mod_one", seen.append)
    spec = importlib.util.find_spec("mod_one")
    assert spec.loader.get_source("mod_one") == "value = 1\n"
    assert seen == []
    importlib.import_module("mod_one")
    assert len(seen) == 1


def test_an_import_that_fails_is_waited_for_again(write, seen):
    path = write("mod_one", "value = 1 / 0\n")
    after_import("mod_one", lambda module: seen.append(module.value))
    with pytest.raises(ZeroDivisionError):
        importlib.import_module("mod_one")
    assert seen == []
    path.write_text("value = 42\n")
    importlib.import_module("mod_one")
    assert seen == [42]


def test_a_module_that_is_nowhere_is_not_found_as_ever(seen):
    after_import("mod_nowhere", seen.append)
    with pytest.raises(ModuleNotFoundError, match="No module named 'mod_nowhere'"):
        importlib.import_module("mod_nowhere")
    assert seen == []


def test_a_callback_that_fails_fails_nothing_else(write, seen, caplog):
    write("mod_one", "value = 1\n")
    after_import("mod_one", lambda module: 1 / 0)
    after_import("mod_one", seen.append)
    with caplog.at_level(logging.ERROR, "otel_bridge"):
        import mod_one
    assert seen == [mod_one]
    [record] = caplog.records
    assert record.getMessage() == "mod_one is not adopted: ZeroDivisionError: division by zero"


def test_a_module_that_puts_another_in_its_place(write, seen):
    write("mod_one", "import sys, types\nsys.modules[__name__] = types.SimpleNamespace(value=1)\n")
    after_import("mod_one", seen.append)
    import mod_one

    assert seen == [mod_one]
    assert mod_one.value == 1


def test_a_module_in_a_zip_file(tmp_path, monkeypatch, seen):
    with zipfile.ZipFile(tmp_path / "library.zip", "w") as archive:
        archive.writestr("mod_zipped.py", "value = 1\n")
    monkeypatch.syspath_prepend(tmp_path / "library.zip")
    after_import("mod_zipped", lambda module: seen.append(module.value))
    importlib.import_module("mod_zipped")
    assert seen == [1]


def test_a_module_that_is_loaded_when_first_used(write, seen):
    write("mod_one", "value = 1\n")
    after_import("mod_one", lambda module: seen.append(module.value))
    spec = importlib.util.find_spec("mod_one")
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules["mod_one"] = module
    spec.loader.exec_module(module)
    after_import("mod_one", lambda module: seen.append("another"))
    assert seen == []
    assert module.value == 1
    assert seen == [1, "another"]


def test_one_that_the_module_itself_asks_for(write, seen, monkeypatch):
    monkeypatch.setattr(sys, "seen", seen, raising=False)
    write(
        "mod_one",
        "import sys\n"
        "from otel_bridge.adopt.activate import after_import\n"
        "after_import(__name__, lambda module: sys.seen.append(module.value))\n"
        "value = 1\n",
    )
    after_import("mod_one", lambda module: None)
    importlib.import_module("mod_one")
    assert seen == [1]


# -- other finders ----------------------------------------------------------------------------------------


class Asking:
    """A finder that asks all others, as ours does, and does not care who asked."""

    def find_spec(self, name, path=None, target=None):
        for finder in sys.meta_path:
            if finder is not self:
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    return spec
        return None


@pytest.mark.parametrize("position", [0, 1])
def test_a_finder_that_asks_all_others(position, write, seen):
    write("mod_one", "")
    after_import("mod_one", seen.append)
    assert sys.meta_path[0] is activate._Finder
    sys.meta_path.insert(position, Asking())
    assert seen == [importlib.import_module("mod_one")]


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_import_hooks_of_wrapt_on_the_same_module(first):
    """In a process of its own: wrapt puts its finder in place once for all."""
    program = (
        "import sys, wrapt\n"
        "from otel_bridge.adopt import activate\n"
        "seen = []\n"
        "hooks = [\n"
        "    lambda: activate.after_import('wave', lambda module: seen.append('ours')),\n"
        "    lambda: wrapt.register_post_import_hook(lambda module: seen.append('theirs'), 'wave'),\n"
        "]\n"
        "sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not activate._Finder]\n"
        "for hook in hooks if sys.argv[1] == 'ours' else reversed(hooks): hook()\n"
        "import wave\n"
        "print(*sorted(seen), type(wave.__spec__.loader).__name__)"
    )
    packages = os.pathsep.join([str(ROOT), str(Path(wrapt.__file__).parent.parent)])
    done = run("-c", program, first, PYTHONPATH=packages)
    assert (done.stdout, done.stderr) == ("ours theirs SourceFileLoader\n", "")


def test_finders_of_the_old_kind_are_passed_over(write, seen):
    write("mod_one", "")
    after_import("mod_one", seen.append)
    sys.meta_path.insert(1, object())
    assert seen == [importlib.import_module("mod_one")]


def test_a_finder_that_was_thrown_out_is_put_back(write, seen):
    write("mod_one", "")
    sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not activate._Finder]
    after_import("mod_one", seen.append)
    assert seen == [importlib.import_module("mod_one")]
    assert sys.meta_path.count(activate._Finder) == 1


def test_a_second_copy_of_this_module(write, seen):
    """Of a test that has emptied sys.modules; both copies' finders stand there."""
    write("mod_one", "")
    after_import("mod_one", seen.append)
    spec = importlib.util.spec_from_file_location("activate_again", activate.__file__)
    again = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)
    again.after_import("mod_one", seen.append)
    assert seen == []
    module = importlib.import_module("mod_one")
    assert seen == [module, module]


def test_reloaded(write):
    done = run(
        "-c",
        "import importlib, otel_bridge.adopt.activate as activate\n"
        "importlib.reload(activate)\n"
        "seen = []\n"
        "activate.after_import('wave', lambda module: seen.append(module.open))\n"
        "import wave\n"
        "print(activate.is_active(), seen == [wave.open])",
    )
    assert (done.stdout, done.stderr) == ("True True\n", "")


# -- threads ----------------------------------------------------------------------------------------------


def in_thread(function, *arguments):
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread


def held(name):
    """The module, once its body is being executed."""
    deadline = threading.Event()
    for _ in range(int(_BOUND * 1000)):
        module = sys.modules.get(name)
        begun = getattr(module, "begun", None)
        if begun is not None and begun.wait(_BOUND):
            return module
        deadline.wait(0.001)
    raise AssertionError(f"{name} has not begun")


def test_two_threads_that_import_at_once(write, seen):
    write("mod_held", _HELD)
    after_import("mod_held", lambda module: seen.append(module.half))
    threads = [in_thread(importlib.import_module, "mod_held") for _ in range(2)]
    held("mod_held").go_on.set()
    for thread in threads:
        thread.join(_BOUND)
    assert seen == [False]


def test_one_that_is_asked_for_while_another_thread_is_in_our_loader(write, seen):
    write("mod_held", _HELD)
    after_import("mod_held", lambda module: None)
    importing = in_thread(importlib.import_module, "mod_held")
    module = held("mod_held")
    after_import("mod_held", lambda module: seen.append(module.half))  # does not wait
    assert seen == []
    module.go_on.set()
    importing.join(_BOUND)
    assert seen == [False]


def test_one_that_is_asked_for_while_another_thread_imports_without_us(write, seen):
    write("mod_held", _HELD)
    importing = in_thread(importlib.import_module, "mod_held")
    module = held("mod_held")
    asking = in_thread(after_import, "mod_held", lambda module: seen.append(module.half))
    asking.join(0.05)
    assert seen == []
    module.go_on.set()
    importing.join(_BOUND)
    asking.join(_BOUND)
    assert seen == [False]


def test_one_that_is_asked_for_at_the_moment_when_the_import_ends(write, seen, monkeypatch):
    """The list was looked up, and is done with before the callback stands in it."""
    write("mod_one", "")

    class Interrupted(dict):
        def setdefault(self, name, default):
            found = super().setdefault(name, default)
            in_thread(importlib.import_module, name).join(_BOUND)
            return found

    after_import("mod_one", lambda module: seen.append("first"))
    monkeypatch.setattr(activate, "_waiting", Interrupted(activate._waiting))
    after_import("mod_one", lambda module: seen.append("second"))
    assert seen == ["first", "second"]
    assert activate._waiting == {}


# -- activation -------------------------------------------------------------------------------------------


def test_activation_imports_nothing_that_was_not_there():
    """In particular nothing of opentelemetry, typing or importlib.util."""
    done = run(
        "-c",
        "import os, sys\n"
        "before = set(sys.modules)\n"
        "import otel_bridge.adopt.activate\n"
        "print(*sorted(set(sys.modules) - before))\n",
    )
    assert done.stderr == ""
    assert done.stdout.split() == ["otel_bridge", "otel_bridge.adopt", "otel_bridge.adopt.activate"]


@pytest.fixture
def no_osprofiler(monkeypatch):
    """As in a process that has not imported osprofiler."""
    for name in ("otel_bridge.adopt.driver", "osprofiler.drivers.base"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for variable in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", activate.SWITCH):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize("value", ["0", "false", "no", "off", "False", "OFF", " 0 "])
def test_switched_off(value, no_osprofiler, monkeypatch):
    monkeypatch.setenv(activate.SWITCH, value)
    assert activate.activate() is False
    assert activate._waiting == {}
    assert not activate.is_active()


@pytest.mark.parametrize("value", [None, "", "1", "true", "yes"])
def test_not_switched_off(value, no_osprofiler, monkeypatch):
    if value is not None:
        monkeypatch.setenv(activate.SWITCH, value)
    assert activate.activate() is True
    assert activate.is_active()


def test_to_activate_twice_is_to_activate_once(no_osprofiler):
    for _ in range(2):
        assert activate.activate()
        assert activate.is_active()
    assert {name: len(callbacks) for name, callbacks in activate._waiting.items()} == {
        "osprofiler.drivers.base": 1
    }


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_the_client_is_waited_for_where_it_has_an_endpoint(variable, no_osprofiler, monkeypatch):
    monkeypatch.setenv(variable, "http://127.0.0.1:4318")
    activate.activate()
    assert set(activate._waiting) == {"osprofiler.drivers.base", "osc_lib.shell"}


def test_deactivated(no_osprofiler):
    activate.activate()
    activate.deactivate()
    assert not activate.is_active()
    assert activate._Finder.find_spec("osprofiler.drivers.base") is None


def test_without_its_finder_it_is_not_active(no_osprofiler):
    activate.activate()
    sys.meta_path.remove(activate._Finder)
    assert not activate.is_active()
    activate.activate()
    assert activate.is_active()


@pytest.mark.parametrize(
    "package",
    [
        {},
        {"__init__.py": ""},
        {"__init__.py": "raise ImportError"},
        {"__init__.py": "import no_such_module"},
        {"__init__.py": "syntax error"},
        {"__init__.py": "\0"},
        {"__init__.py": "1 / 0"},
        {"__init__.py": "", "adopt/__init__.py": "", "adopt/activate.py": "import sys; sys.meta_path.nosuch"},
    ],
)
def test_a_broken_package_is_no_business_of_an_interpreter(package, tmp_path):
    """The line that stands in site-packages, with what may be left of the package."""
    line = (ROOT / "otel_bridge.pth").read_text()
    (tmp_path / "otel_bridge.pth").write_text(line)
    for name, text in package.items():
        path = tmp_path / "otel_bridge" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    program = f"import site; site.addsitedir({str(tmp_path)!r}); print('up')"
    done = run("-c", program, PYTHONPATH="")
    assert (done.returncode, done.stdout, done.stderr) == (0, "up\n", "")


def test_the_line_is_run_by_site(tmp_path):
    (tmp_path / "otel_bridge.pth").write_text((ROOT / "otel_bridge.pth").read_text())
    program = f"import site, sys; site.addsitedir({str(tmp_path)!r}); print(*map(str, sys.meta_path))"
    assert "otel_bridge.adopt.activate._Finder" in run("-c", program).stdout


def test_the_two_files_say_the_same():
    """PEP 829: the file for later Pythons names the module and its function."""
    module, function = (ROOT / "otel_bridge.start").read_text().strip().split(":")
    assert f"import {module}\\n" in (ROOT / "otel_bridge.pth").read_text()
    assert getattr(sys.modules[module], function) is activate.activate


def test_drivers_stand_beside_osprofilers_own():
    """In a process of its own, since what is registered stays so."""
    pytest.importorskip("osprofiler")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import otel_bridge.adopt.activate\n"
            "from osprofiler import _utils\n"
            "from osprofiler.drivers import base\n"
            "print(*sorted(driver.get_name() for driver in _utils.itersubclasses(base.Driver)))",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        env={name: value for name, value in os.environ.items() if name != activate.SWITCH},
    )
    assert done.stderr == ""
    assert {"messaging", "otel", "otel+https", "otel+grpc", "otel+grpcs"} <= set(done.stdout.split())
