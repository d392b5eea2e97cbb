"""Collecting submissions from a folder: whose they are, which one counts, and what is refused."""

import os
import struct

import pytest

from gdcourse.grading import archive, intake
from tests.course import zipped

NAME = "03_gradient_descent"


def collected(folder, files):
    """({learner: Submission}, ignored) of a folder of {path: bytes}, the later ones changed later."""
    for k, (path, data) in enumerate(files.items()):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
        os.utime(folder / path, (1_700_000_000 + 60 * k,) * 2)
    submissions, ignored = intake.collect(folder, NAME)
    learners = {submission.learner: submission for submission in submissions}
    assert len(learners) == len(submissions)
    return learners, ignored


def only(folder, files):
    ((_, submission),) = collected(folder, files)[0].items()
    return submission


def test_files_and_folders_of_learners_are_found(tmp_path):
    there, _ = collected(
        tmp_path,
        {"ada.ipynb": b"1", "bob/x.ipynb": b"2", f"eve/{NAME}/{NAME}.ipynb": b"3", "kim.IPYNB.txt": b"4"},
    )
    assert {who: s.data for who, s in there.items()} == {"ada": b"1", "bob": b"2", "eve": b"3", "kim": b"4"}
    assert there["eve"].file == f"eve/{NAME}/{NAME}.ipynb"


def test_what_is_no_notebook_is_listed_and_hidden_files_are_not(tmp_path):
    files = {
        "notes.pdf": b"",
        ".x.ipynb": b"",
        "__MACOSX/y.ipynb": b"",
        "ada/.ipynb_checkpoints/z.ipynb": b"",
    }
    assert collected(tmp_path, files) == ({}, ["notes.pdf"])


def test_a_third_folder_down_is_listed_not_entered(tmp_path):
    assert collected(tmp_path, {"a/b/c/x.ipynb": b""}) == ({}, ["a/b/c: deeper than two folders"])


@pytest.mark.parametrize(
    "path",
    [
        "Ada Lovelace_123456_assignsubmission_file_/x.ipynb",
        "Ada Lovelace_123456_assignsubmission_file_x.ipynb",
    ],
)
def test_moodles_names_give_the_participant_and_the_name(tmp_path, path):
    found = only(tmp_path, {path: b"1", "Ada Lovelace_123456_assignsubmission_onlinetext_/t.ipynb": b"2"})
    assert (found.system, found.learner, found.name, found.data) == ("moodle", "123456", "Ada Lovelace", b"1")


def test_canvas_names_give_the_user_and_say_late(tmp_path):
    found = only(tmp_path, {f"lovelaceada_LATE_12345_67890_{NAME}-2.ipynb": b"1"})
    assert (found.system, found.learner, found.name) == ("canvas", "12345", "lovelaceada")
    assert found.notes == ("late", "attempt 3")


def test_canvas_hides_names_when_grading_is_anonymous(tmp_path):
    assert only(tmp_path, {"LATE_anon_x1Y2z_678_a.ipynb": b""}).learner == "anon_x1Y2z"


def test_of_several_attempts_in_canvas_the_last_upload_counts(tmp_path):
    found = only(
        tmp_path,
        {f"lovelaceada_7_900_{NAME}-1.ipynb": b"new", f"lovelaceada_7_800_{NAME}.ipynb": b"old"},
    )
    assert found.data == b"new"
    assert "2 files" in found.notes[-1]


def test_of_several_files_in_a_folder_the_latest_counts(tmp_path):
    found = only(tmp_path, {"ada/b.ipynb": b"old", "ada/a.ipynb": b"new"})
    assert (found.data, found.notes) == (b"new", ("2 files: graded is ada/a.ipynb, not ada/b.ipynb",))


def test_a_file_named_after_the_assignment_comes_before_a_later_one(tmp_path):
    found = only(tmp_path, {f"ada/{NAME} (1).ipynb": b"it", "ada/scratch.ipynb": b"later"})
    assert found.data == b"it"


def test_files_with_a_date_in_their_name_are_not_one_learners(tmp_path):
    there, _ = collected(tmp_path, {"ada_2026_11_22.ipynb": b"1", "bob_2026_11_22.ipynb": b"2"})
    assert sorted(s.data for s in there.values()) == [b"1", b"2"]


def test_one_number_in_two_systems_is_two_learners(tmp_path):
    there, _ = collected(
        tmp_path, {"Ada_7_assignsubmission_file_x.ipynb": b"1", "bob_7_9_x.ipynb": b"2", "7.ipynb": b"3"}
    )
    assert sorted(s.data for s in there.values()) == [b"1", b"2", b"3"]


def test_names_that_do_not_print_are_escaped_and_stay_apart(tmp_path):
    there, _ = collected(tmp_path, {"a\nb.ipynb": b"", "a\tb.ipynb": b"", os.fsdecode(b"\xff.ipynb"): b""})
    assert sorted(there) == ["\\udcff", "a\\nb", "a\\tb"]


def test_links_pipes_and_large_files_are_refused_at_once(tmp_path):
    outside = tmp_path / "solution.ipynb"
    outside.write_bytes(b"secret")
    folder = tmp_path / "submissions"
    folder.mkdir()
    (folder / "link.ipynb").symlink_to(outside)
    (folder / "other.zip").symlink_to(outside)
    (folder / "folder").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.ipynb")
    with open(folder / "large.ipynb", "wb") as file:
        file.truncate(50_000_000)
    there, ignored = intake.collect(folder)
    assert {(s.learner, s.data, s.problem.split(": ")[1]) for s in there} == {
        ("link", None, "a link, which is not followed"),
        ("other", None, "a link, which is not followed"),
        ("pipe", None, "a pipe or a device, not a file"),
        ("large", None, "larger than 5 MB"),
    }
    assert ignored == ["folder"]


def test_an_archive_of_a_platform_is_read_by_member(tmp_path):
    inner = zipped({"work/x.ipynb": b"2", "work/data.csv": b""})
    outer = zipped(
        {
            "Ada Lovelace_1_assignsubmission_file_/x.ipynb": b"1",
            "Bob_2_assignsubmission_file_/work.zip": inner,
            "../Eve_3_assignsubmission_file_/x.ipynb": b"3",
            "/Kim_4_assignsubmission_file_/x.ipynb": b"4",
            "C:\\Max_5_assignsubmission_file_\\x.ipynb": b"5",
            "__MACOSX/Ada Lovelace_1_assignsubmission_file_/x.ipynb": b"6",
        }
    )
    there, ignored = collected(tmp_path, {"cs_101_2026_fall submissions.zip": outer})
    assert {who: s.data for who, s in there.items()} == {"1": b"1", "2": b"2"}
    assert there["2"].file.endswith("submissions.zip::Bob_2_assignsubmission_file_/work.zip::work/x.ipynb")
    assert sum("odd path" in line for line in ignored) == 3
    assert sum(line.endswith("data.csv") for line in ignored) == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "cs_101_2026_fall submissions.zip"]


def test_an_archive_that_a_learner_sent_to_canvas_is_the_learners(tmp_path):
    sent = zipped({"homework/x.ipynb": b"1"})
    assert only(tmp_path, {"lovelaceada_7_900_homework.zip": sent}).learner == "7"


def test_a_platforms_archive_may_look_like_a_learners(tmp_path):
    files = {"lovelaceada_7_900_x.ipynb": b"1", "lovelacebob_8_901_x.ipynb": b"2"}
    assert set(collected(tmp_path, {"cs_101_2026_fall.zip": zipped(files)})[0]) == {"7", "8"}


def test_an_archive_of_a_class_may_look_like_a_learners(tmp_path):
    files = {"ada.ipynb": b"1", "bob.ipynb": b"2"}
    there, _ = collected(tmp_path, {"cs_101_2026_fall.zip": zipped(files)})
    assert sorted(s.name for s in there.values()) == ["ada", "bob"]


def test_an_archive_of_learners_archives_keeps_them_apart(tmp_path):
    files = {f"{who}.zip": zipped({f"{NAME}.ipynb": who.encode()}) for who in ("ada", "bob")}
    there, _ = collected(tmp_path, {"all.zip": zipped(files)})
    assert {who: s.data for who, s in there.items()} == {"all/ada": b"ada", "all/bob": b"bob"}


def test_a_large_archive_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "ARCHIVE", 50)
    assert "larger than" in only(tmp_path, {"a.zip": zipped({"x.ipynb": b""})}).problem


def test_archives_of_two_learners_never_mix(tmp_path):
    files = {
        f"{who}.zip": zipped({f"{NAME}.ipynb": who.encode(), "old.ipynb": b""}) for who in ("ada", "bob")
    }
    there, _ = collected(tmp_path, files)
    assert {who: s.data for who, s in there.items()} == {"ada": b"ada", "bob": b"bob"}


def test_an_archive_of_a_class_keeps_its_learners_apart(tmp_path):
    there, _ = collected(
        tmp_path,
        {"all.zip": zipped({"all/ada.ipynb": b"1", "all/bob/x.ipynb": b"2", "./all/eve.ipynb": b"3"})},
    )
    assert {who: s.data for who, s in there.items()} == {"all/ada": b"1", "all/bob": b"2", "all/eve": b"3"}
    assert there["all/ada"].name == "ada"


def test_an_archive_without_a_notebook_is_somebodys_problem(tmp_path):
    found = only(tmp_path, {"ada.zip": zipped({"../x.ipynb": b""})})
    assert (found.learner, found.data, found.problem) == ("ada", None, "the archive holds no notebook")


def test_an_archive_three_deep_is_not_opened(tmp_path):
    deep = zipped({"b.zip": zipped({"c.zip": zipped({"x.ipynb": b"1"})})})
    assert only(tmp_path, {"a.zip": deep}).data is None


def test_a_locked_or_damaged_member_costs_only_itself(tmp_path):
    data = bytearray(zipped({"ada.ipynb": b"1" * 50, "bob.ipynb": b"2" * 50, "eve.ipynb": b"3" * 50}))
    second = data.index(b"bob.ipynb")
    data[second + len("bob.ipynb")] ^= 0xFF  # the packed bytes
    third = data.rindex(b"PK\1\2")
    data[third + 8] |= 1  # the flag of an encrypted member
    there, _ = collected(tmp_path, {"all.zip": bytes(data)})
    assert there["all/ada"].data == b"1" * 50
    assert there["all/bob"].data is None
    assert there["all/eve"].problem.endswith("it is locked by a password: send it without one")


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\3\4", b"no zip" * 100, zipped({"x.ipynb": b"1"})[:-30]],
    ids=["empty", "four bytes", "text", "cut off"],  # as names the bytes would hold the time of day
)
def test_a_damaged_archive_is_a_problem_not_a_crash(tmp_path, data):
    assert "could not be read" in only(tmp_path, {"ada.zip": data}).problem


def test_a_member_is_measured_by_its_stream_not_by_its_header(tmp_path):
    data = bytearray(zipped({"ada.ipynb": bytes(20_000_000)}))
    for start, place in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        at = data.index(start) + place
        data[at : at + 4] = struct.pack("<I", 100)
    found = only(tmp_path, {"ada.zip": bytes(data)})
    assert found.data is None


def test_a_large_member_is_not_unpacked_to_its_end(tmp_path):
    found = only(tmp_path, {"ada.zip": zipped({"ada.ipynb": bytes(20_000_000)})})
    assert "larger than 5 MB" in found.problem


def test_an_archive_of_too_many_members_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MEMBERS", 8)
    assert "more than 8 members" in only(tmp_path, {"a.zip": zipped(dict.fromkeys("123456789", b""))}).problem


def test_an_archive_with_a_long_table_of_contents_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "CONTENTS", 100)
    assert "table of contents" in only(tmp_path, {"a.zip": zipped({"x" * 200: b""})}).problem


@pytest.mark.parametrize("where", ["a.zip", "ada/a.zip"])
def test_what_an_archive_holds_beyond_its_limit_is_not_unpacked(tmp_path, monkeypatch, where):
    monkeypatch.setattr(intake, "ARCHIVE", 25_000)
    data = zipped({f"{who}.ipynb": bytes(10_000) for who in ("ada", "bob", "eve")})
    if where == "a.zip":  # of a class: nobody is to be left out
        with pytest.raises(
            archive.Overfull, match="^a.zip: it holds more than .*: unpack the archive, and grade"
        ):
            collected(tmp_path, {where: data})
    else:
        (found,) = collected(tmp_path, {where: data})[0].values()
        assert "holds more than" in found.problem


def test_a_learners_archive_takes_nothing_from_the_others(tmp_path, monkeypatch):
    monkeypatch.setitem(archive.LARGEST, ".zip", 25_000)
    bomb = zipped({f"{k}.ipynb": bytes(10_000) for k in range(9)})
    there, _ = collected(
        tmp_path, {"a.zip": zipped({"ada.ipynb": b"{}", "bob.zip": bomb, "eve.ipynb": b"{}"})}
    )
    assert there["a/ada"].data == there["a/eve"].data == b"{}"


def test_no_such_folder_is_said(tmp_path):
    with pytest.raises(FileNotFoundError):
        intake.collect(tmp_path / "none")
