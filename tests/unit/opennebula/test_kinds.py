"""Every kind of object: made, left alone, changed, removed; in check mode, refused, cut off."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.oned import Fault
from tests.unit.opennebula.cases import CASES, Case
from tests.unit.opennebula.conftest import PASSWORD, Cloud

pytestmark = pytest.mark.parametrize("case", CASES, ids=[case.kind for case in CASES])


def prepared(cloud: Cloud, case: Case) -> None:
    for kind, task in case.needs:
        cloud.done(kind, **task)
    cloud.oned.calls.clear()


def state_of(cloud: Cloud) -> dict[str, Any]:
    return copy.deepcopy(cloud.oned.world.data["objects"])


def test_made_once_and_left_alone_later(cloud: Cloud, case: Case) -> None:
    prepared(cloud, case)
    made = cloud.done(case.kind, **case.first)
    assert made["changed"]
    assert case.making in cloud.oned.changes()
    assert made["diff"]["before"] != made["diff"]["after"] or case.kind == "cluster"
    cloud.oned.calls.clear()
    again = cloud.done(case.kind, **case.first)
    assert not again["changed"]
    assert again["changes"] == []
    assert again["diff"]["before"] == again["diff"]["after"] == ""
    assert cloud.oned.changes() == []
    assert again["id"] == made["id"]
    assert not again.get("warnings")


def test_changed_and_then_left_alone(cloud: Cloud, case: Case) -> None:
    prepared(cloud, case)
    cloud.done(case.kind, **case.first)
    cloud.oned.calls.clear()
    later = {**case.first, **case.later}
    changed = cloud.done(case.kind, **later)
    assert changed["changed"]
    assert "; ".join(changed["changes"]).startswith(case.change)
    assert changed["diff"]["before"] != changed["diff"]["after"]
    if case.kind not in ("acl", "quota"):
        assert case.making not in cloud.oned.changes(), "it was made again"
    cloud.oned.calls.clear()
    assert not cloud.done(case.kind, **later)["changed"]
    assert cloud.oned.changes() == []


def test_removed_once(cloud: Cloud, case: Case) -> None:
    prepared(cloud, case)
    assert not cloud.done(case.kind, **case.gone)["changed"]
    before = state_of(cloud)
    cloud.done(case.kind, **case.first)
    assert state_of(cloud) != before
    assert cloud.done(case.kind, **case.gone)["changed"]
    assert state_of(cloud) == before
    assert not cloud.done(case.kind, **case.gone)["changed"]


def test_check_mode_tells_and_changes_nothing(cloud: Cloud, case: Case) -> None:
    prepared(cloud, case)
    before = state_of(cloud)
    told = cloud.done(case.kind, check=True, **case.first)
    assert told["changed"] and told["changes"]
    assert state_of(cloud) == before
    assert not cloud.done(case.kind, check=True, **case.gone)["changed"]
    cloud.done(case.kind, **case.first)
    before = state_of(cloud)
    cloud.oned.calls.clear()
    assert not cloud.done(case.kind, check=True, **case.first)["changed"]
    told = cloud.done(case.kind, check=True, **{**case.first, **case.later})
    assert told["changed"]
    assert "; ".join(told["changes"]).startswith(case.change)
    assert cloud.done(case.kind, check=True, **case.gone)["changed"]
    assert state_of(cloud) == before
    assert cloud.oned.changes() == []


def test_check_mode_before_anything_that_it_needs(cloud: Cloud, case: Case) -> None:
    """As in the first check of a whole site: nothing that earlier tasks would make is there."""
    before = state_of(cloud)
    told = cloud.done(case.kind, check=True, **case.first)
    assert told["changed"]
    assert state_of(cloud) == before


def test_refusal_is_told_in_oneds_words(cloud: Cloud, case: Case) -> None:
    prepared(cloud, case)
    before = state_of(cloud)
    cloud.oned.faults.append(Fault(case.making, "refuse", words="the moon is not full"))
    words = cloud.fails(case.kind, **case.first)
    assert f"oned refuses {case.making}: the moon is not full" in words
    assert "oned.log" in words
    assert state_of(cloud) == before
    cloud.done(case.kind, **case.first)


@pytest.mark.parametrize("when", ["drop-before", "drop-after"])
def test_connection_lost_half_way(cloud: Cloud, case: Case, when: str) -> None:
    prepared(cloud, case)
    cloud.oned.faults.append(Fault(case.making, when))
    words = cloud.fails(case.kind, **case.first)
    assert f"broke during {case.making}" in words
    assert "may have made this change or not" in words
    assert "run it again" in words
    attempts = [method for method, _, _ in cloud.oned.calls if method == case.making]
    assert len(attempts) == (1 if when == "drop-after" else 0), "a change was sent twice"
    cloud.done(case.kind, **case.first)
    assert not cloud.done(case.kind, **case.first)["changed"]
    if "name" in case.first:
        names = [one["name"] for pool in state_of(cloud).values() for one in pool.values()]
        assert names.count(case.first["name"]) == 1


def test_wrong_login(cloud: Cloud, case: Case) -> None:
    prepared(cloud, case)
    before = state_of(cloud)
    cloud.auth_file.write_text("oneadmin:not-the-password\n")
    answer = cloud.run(case.kind, **case.first)
    assert answer["failed"]
    assert f"does not accept the login in {cloud.auth_file}" in answer["msg"]
    assert "oneuser passwd" in answer["msg"]
    assert "not-the-password" not in str(answer)
    assert state_of(cloud) == before


def test_no_secret_is_shown(cloud: Cloud, case: Case) -> None:
    prepared(cloud, case)
    task = copy.deepcopy(case.first)
    secret = "hunter2-of-the-case"
    if isinstance(task.get("template"), dict):
        task["template"]["SERVICE_PASSWORD"] = secret
    for check in (True, False):
        answer = cloud.done(case.kind, check=check, **task)
        for word in (secret, PASSWORD, "s3cret-of-factory"):
            assert word not in str(answer)
