"""Boot menus: golden pairs, and what no edit may do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iso_builder import bootconfig
from iso_builder.bootconfig import BootChange, Dialect, commandline
from iso_builder.errors import MediaError
from iso_builder.plan import BootEntry, MediaPlan

GOLDEN = Path(__file__).parents[2] / "golden" / "bootconfig"

PLAN = MediaPlan(
    label="B2CT-TORINO",
    title="b2ct: torino",
    entries=(BootEntry("node1", "Install node1 of torino", "/ks/node1.cfg"),),
    files={"/ks/node1.cfg": b""},
)
SERIAL = replace(PLAN, serial="ttyS0,115200n8", timeout_s=5)
MANY = MediaPlan(
    label="B2CT",
    title="Università 'di' $Torino ^1",
    entries=(
        BootEntry(
            "ask", "Torino: it's the $dialog ^1 é", "/ks/ask.cfg", "inst.text ip=[fd00::1]:x"
        ),
        BootEntry(
            "node-2", "node-2 of torino", "/ks/node-2.cfg", initrds=("/extra/a.img", "/b.img")
        ),
    ),
    timeout_s=0,
    serial="ttyS1,9600",
)


@dataclass(frozen=True)
class Case:
    old: str
    plan: MediaPlan
    dialect: Dialect
    argument: str = "inst.ks"
    media_check: bool = True


CASES = {
    "el6-isolinux": Case("EL6", PLAN, Dialect.ISOLINUX, argument="ks"),
    "el6-bootx64": Case("EL6", SERIAL, Dialect.GRUB_LEGACY, argument="ks"),
    "el7-isolinux": Case("Example 7 x86_64", PLAN, Dialect.ISOLINUX),
    "el7-grub": Case("Example 7 x86_64", PLAN, Dialect.GRUB2),
    "el8-grub": Case("Example-8-10-x86_64-dvd", SERIAL, Dialect.GRUB2),
    "el9-isolinux": Case("Example-9-4-x86_64-dvd", SERIAL, Dialect.ISOLINUX),
    "el9-isolinux-unchecked": Case(
        "Example-9-4-x86_64-dvd", MANY, Dialect.ISOLINUX, media_check=False
    ),
    "el9-grub-unchecked": Case("Example-9-4-x86_64-dvd", PLAN, Dialect.GRUB2, media_check=False),
    "el10-grub-efi": Case("Example-10-0-x86_64-dvd", MANY, Dialect.GRUB2),
    "el10-grub-bios": Case("Example-10-0-x86_64-dvd", PLAN, Dialect.GRUB2),
    "legacy-checked": Case("Example 7 x86_64", PLAN, Dialect.GRUB_LEGACY, media_check=False),
    "odd-grub": Case("Old Label", PLAN, Dialect.GRUB2, media_check=False),
    "odd-isolinux": Case("OLD", MANY, Dialect.ISOLINUX),
}


def text_of(name: str) -> str:
    return (GOLDEN / f"{name}.cfg").read_text()


def changed(name: str) -> str:
    case = CASES[name]
    change = BootChange(case.plan, case.old, case.argument, case.media_check)
    return bootconfig.edit(text_of(name), case.dialect, change)


def test_every_golden_file_is_used():
    assert {path.stem for path in GOLDEN.glob("*.cfg")} == set(CASES)
    assert {path.stem for path in GOLDEN.glob("*.result")} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_golden(name):
    assert changed(name) == (GOLDEN / f"{name}.result").read_text()


@pytest.mark.parametrize("name", CASES)
def test_the_dialect_is_told_from_the_text(name):
    assert bootconfig.dialect_of(text_of(name)) is CASES[name].dialect
    assert bootconfig.dialect_of(changed(name)) is CASES[name].dialect


@pytest.mark.parametrize("name", CASES)
def test_our_first_entry_is_the_only_default(name):
    case = CASES[name]
    entries = bootconfig.read_entries(changed(name), case.dialect)
    first = case.plan.entries[0]
    assert [entry.ident for entry in entries if entry.is_default] == [f"b2ct-{first.ident}"]
    ours = {entry.ident: entry for entry in entries if entry.is_own}
    assert {f"b2ct-{entry.ident}" for entry in case.plan.entries} < set(ours)
    assert "b2ct-local" in ours
    for entry in case.plan.entries:
        words = ours[f"b2ct-{entry.ident}"].command_line.split()
        kickstart = f"{case.argument}=hd:LABEL={case.plan.label}:{entry.kickstart}"
        assert [w for w in words if w.startswith(("ks=", "inst.ks="))] == [kickstart]


@pytest.mark.parametrize("name", CASES)
def test_no_reference_to_the_old_label_is_left(name):
    case = CASES[name]
    before = bootconfig.label_references(text_of(name), case.dialect)
    after = bootconfig.label_references(changed(name), case.dialect)
    assert case.old not in {reference.label for reference in after}
    other = {reference.label for reference in before} - {case.old}
    # A label that is not the base's (OEMDRV) stays, except in what our entries replace.
    assert {reference.label for reference in after} - {case.plan.label} <= other


@pytest.mark.parametrize("name", CASES)
def test_vendor_entries_stay_but_for_useless_checks(name):
    case = CASES[name]

    def vendor(text):
        return [e.title for e in bootconfig.read_entries(text, case.dialect) if not e.is_own]

    before, after = vendor(text_of(name)), vendor(changed(name))
    dropped = [title for title in before if title not in after]
    if case.media_check:
        assert before == after
    else:
        assert all("Test this media" in title for title in dropped)
        assert "rd.live.check" not in changed(name)


@pytest.mark.parametrize("name", CASES)
def test_a_second_edit_replaces_the_first(name):
    case = CASES[name]
    change = BootChange(case.plan, case.plan.label, case.argument, case.media_check)
    twice = bootconfig.edit(changed(name), case.dialect, change)
    idents = [e.ident for e in bootconfig.read_entries(twice, case.dialect) if e.is_own]
    assert len(idents) == len(set(idents))


@pytest.mark.parametrize("name", ["el7-isolinux", "el7-grub", "legacy-checked"])
def test_relabel_alone_changes_only_the_label(name):
    case = CASES[name]
    text = text_of(name)
    moved = bootconfig.relabel(text, case.dialect, case.old, "KEY")
    assert moved != text
    escaped = case.old.replace(" ", "\\x20")
    assert moved == text.replace(escaped, "KEY").replace(f"'{case.old}'", "'KEY'")


def test_no_menu_is_no_dialect():
    for text in ("", "hello\n", "[settings]\ntitle=x\n", "\x00\x01"):
        assert bootconfig.dialect_of(text) is None


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("label local\n  localboot 0xffff\n", Dialect.ISOLINUX),
        ("menuentry 'x' {\n\tchainloader +1\n}\n", Dialect.GRUB2),
        ("title x\n\troot (hd0)\n", Dialect.GRUB_LEGACY),
        (
            "menuentry 'Rescue' {\n\tlinux /vmlinuz inst.rescue\n\tinitrd /initrd\n}\n",
            Dialect.GRUB2,
        ),
    ],
)
def test_a_menu_without_installer_is_refused(text, dialect):
    with pytest.raises(MediaError, match="no entry that starts an installer"):
        bootconfig.edit(text, dialect, BootChange(PLAN, "OLD"))


def test_too_long_a_command_line_is_refused():
    entry = replace(PLAN.entries[0], arguments="a" * 2000)
    change = BootChange(replace(PLAN, entries=(entry,)), "Example-8-10-x86_64-dvd")
    with pytest.raises(MediaError, match="boot loaders pass 2047"):
        bootconfig.edit(text_of("el8-grub"), Dialect.GRUB2, change)


def test_continued_grub_line_is_refused():
    text = "menuentry 'x' {\n\tlinux /vmlinuz quiet \\\n\t more\n\tinitrd /i\n}\n"
    with pytest.raises(MediaError, match="second line"):
        bootconfig.edit(text, Dialect.GRUB2, BootChange(PLAN, "OLD"))


def test_grub_legacy_loads_one_initrd_only():
    change = BootChange(MANY, "EL6", "ks")
    with pytest.raises(MediaError, match="one initrd only"):
        bootconfig.edit(text_of("el6-bootx64"), Dialect.GRUB_LEGACY, change)


# Command lines -------------------------------------------------------------------------

ARGUMENT = st.from_regex(r'[a-z.]{1,8}(=[A-Za-z0-9:/\\x."-]{0,8})?', fullmatch=True).filter(
    lambda text: text.count('"') % 2 == 0
)


@given(st.lists(ARGUMENT, max_size=8))
def test_removing_leaves_every_other_argument_as_it_was(arguments):
    text = " ".join(arguments)
    kept = commandline.remove_arguments(text, "quiet", "ks")
    expected = [w.text for w in commandline.words(text) if w.name not in ("quiet", "ks")]
    assert [word.text for word in commandline.words(kept)] == expected


@given(st.text(alphabet="ab c\\x20", min_size=1, max_size=12), ARGUMENT)
def test_moving_an_absent_label_changes_nothing(label, argument):
    text = f"inst.stage2=hd:LABEL=Z{label.replace(' ', chr(92) + 'x20')} {argument}"
    assert commandline.move_label(text, label, "NEW") == text


@given(st.from_regex(r"[A-Za-z0-9 _.-]{1,32}", fullmatch=True))
def test_escaped_labels_are_read_and_moved(label):
    escaped = label.replace(" ", "\\x20")
    text = f"initrd=initrd.img inst.stage2=hd:LABEL={escaped}:/x root=live:CDLABEL={escaped} quiet"
    assert [found for _, found in commandline.labels(text)] == [label, label]
    moved = commandline.move_label(text, label, "NEW")
    assert moved == "initrd=initrd.img inst.stage2=hd:LABEL=NEW:/x root=live:CDLABEL=NEW quiet"
