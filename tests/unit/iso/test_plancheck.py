"""A plan that would break a boot menu is refused, with every reason in one message."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iso_builder.errors import MediaError
from iso_builder.plan import BootEntry, MediaPlan
from iso_builder.plancheck import check_plan, plan_problems

GOOD = MediaPlan(
    label="B2CT",
    title="b2ct: torino",
    entries=(BootEntry("node1", "node1", "/ks/node1.cfg", "inst.text ip=[fd00::1]::eth0:none"),),
    files={"/ks/node1.cfg": b""},
    serial="ttyS0,115200n8",
)


def with_entry(**changes):
    return replace(GOOD, entries=(replace(GOOD.entries[0], **changes),))


def test_a_good_plan_has_no_problem():
    check_plan(GOOD)
    check_plan(with_entry(arguments=r"inst.repo=hd:LABEL=A\x20B:/x"))


BAD = [
    (replace(GOOD, label="MY LABEL"), "label 'MY LABEL' must have"),
    (replace(GOOD, label=""), "label '' must have"),
    (replace(GOOD, label="A" * 33), "1 to 32"),
    (replace(GOOD, label="A'B"), "must have"),
    (replace(GOOD, title="a\nlabel evil"), "line break"),
    (replace(GOOD, title=" "), "is empty"),
    (replace(GOOD, title="x" * 121), "longer than 120"),
    (replace(GOOD, entries=()), "no boot entry"),
    (replace(GOOD, timeout_s=-1), "time-out of -1 s"),
    (replace(GOOD, timeout_s=4000), "time-out of 4000 s"),
    (replace(GOOD, serial="ttyS0 evil"), "is not a serial console"),
    (replace(GOOD, entries=GOOD.entries * 2), "'node1' is there twice"),
    (replace(GOOD, files={**GOOD.files, "ks.cfg": b""}), "'ks.cfg' is not an absolute path"),
    (replace(GOOD, files={**GOOD.files, "/a/../b": b""}), "has a . or .."),
    (replace(GOOD, files={**GOOD.files, "/a b": b""}), "is not an absolute path"),
    (replace(GOOD, files={**GOOD.files, "/images/install.img": b""}), "on the base medium already"),
    (with_entry(ident="Node 1"), "an ident has only"),
    (with_entry(ident="local"), "is kept for the builder's own"),
    (with_entry(title="a\x1b[2J"), "control character"),
    (with_entry(kickstart="/ks/other.cfg"), "/ks/other.cfg is not among the files"),
    (with_entry(kickstart="/ks/$(x).cfg"), "is not an absolute path"),
    (with_entry(initrds=("/gone.img",)), "/gone.img is not among the files"),
    (with_entry(arguments="a\nb"), r"arguments: '\n'"),
    (with_entry(arguments='a"b'), "arguments: '\"'"),
    (with_entry(arguments="$x; reboot #{}"), "'#' '$' ';' '{' '}'"),
    (with_entry(arguments="a'b"), '"\'"'),
    (with_entry(arguments="a\\b"), "'\\\\'"),
]


@pytest.mark.parametrize(("plan", "reason"), BAD)
def test_a_bad_plan_is_refused(plan, reason):
    problems = plan_problems(plan, existing={"/images/install.img"})
    assert len(problems) == 1, problems
    assert reason in problems[0]


def test_all_problems_are_told_at_once():
    plan = replace(with_entry(ident="X Y", arguments="$"), label="", title="")
    with pytest.raises(MediaError) as caught:
        check_plan(plan)
    assert caught.value.message.count("\n  - ") == 4


def test_files_of_the_base_may_be_used():
    plan = with_entry(initrds=("/images/product.img",))
    check_plan(plan, existing={"/images/product.img"})
    with pytest.raises(MediaError):
        check_plan(plan)
