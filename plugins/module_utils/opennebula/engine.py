"""One way to make an object what it should be, for every kind of object.

Look at what is there; say what lacks, step by step; do it unless this is a check; look again. A
new object is first made and then brought to what is wanted by the same steps as an old one, so a
run that broke half-way is simply taken up by the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from xml.etree.ElementTree import Element

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula import template as texts
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.client import (
    DEFAULT_AUTH_FILE,
    DEFAULT_ENDPOINT,
    Client,
)
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.errors import OneError
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.merge import lacking
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.waiting import gone, settled
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.xml import (
    attributes_of,
    number_of,
    text_of,
)

CONNECTION: dict[str, Any] = {
    "endpoint": {"type": "str", "default": DEFAULT_ENDPOINT},
    "auth_file": {"type": "path", "default": DEFAULT_AUTH_FILE},
    "ca_file": {"type": "path"},
    "timeout": {"type": "int", "default": 60},
    "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
}
NAMED: dict[str, Any] = {"name": {"type": "str", "required": True}}
TEMPLATE: dict[str, Any] = {"template": {"type": "raw"}}
WAITING: dict[str, Any] = {
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 120},
}
APPEND = 1
_ROUNDS = 4
#: Pools by kind: method, its further arguments.
_EVERYBODYS = (-2, -1, -1)
_POOLS: dict[str, tuple[str, tuple[int, ...]]] = {
    "cluster": ("one.clusterpool.info", ()),
    "datastore": ("one.datastorepool.info", ()),
    "group": ("one.grouppool.info", ()),
    "hook": ("one.hookpool.info", _EVERYBODYS),
    "host": ("one.hostpool.info", ()),
    "image": ("one.imagepool.info", _EVERYBODYS),
    "network": ("one.vnpool.info", _EVERYBODYS),
    "security group": ("one.secgrouppool.info", _EVERYBODYS),
    "template": ("one.templatepool.info", _EVERYBODYS),
    "user": ("one.userpool.info", ()),
}
_TAGS = {
    "network": "VNET",
    "security group": "SECURITY_GROUP",
    "template": "VMTEMPLATE",
}


@dataclass(frozen=True)
class Step:
    """One call that changes something, and what it does in words."""

    words: str
    method: str
    arguments: tuple[Any, ...] = ()


@dataclass
class Plan:
    """What lacks, and what it looks like before and after."""

    steps: list[Step]
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


class Directory:
    """Names and numbers of what oned holds."""

    def __init__(self, client: Client, warn: Callable[[str], None], checking: bool) -> None:
        self.client = client
        self.warn = warn
        self.checking = checking
        self._pools: dict[str, list[Element]] = {}

    def forget(self) -> None:
        """Look again: something was changed."""
        self._pools.clear()

    def every(self, kind: str) -> list[Element]:
        """Give the objects of a kind as their pool shows them."""
        if kind not in self._pools:
            method, arguments = _POOLS[kind]
            root = self.client.info(method, *arguments)
            self._pools[kind] = root.findall(_TAGS.get(kind, kind.upper()))
        return self._pools[kind]

    def number(self, kind: str, name: str) -> int:
        """Give the number of what has this name.

        In check mode what is missing is told as a warning, and its number is -1: the task that
        makes it may come earlier in the same play.
        """
        found = [one for one in self.every(kind) if text_of(one, "NAME") == name]
        own = [one for one in found if text_of(one, "UNAME") == self.client.user]
        if len(own) == 1 or len(found) == 1:
            return number_of((own or found)[0], "ID")
        if found:
            owners = ", ".join(sorted(text_of(one, "UNAME") for one in found))
            raise OneError(
                f"there are {len(found)} objects of kind {kind} named {name!r}, of {owners}",
                "rename all but one",
            )
        if self.checking:
            self.warn(f"there is no {kind} {name!r} yet; it must be there before the real run")
            return -1
        known = ", ".join(sorted(text_of(one, "NAME") for one in self.every(kind))) or "none"
        raise OneError(f"there is no {kind} {name!r}", f"there are: {known}")

    def name(self, kind: str, number: int) -> str:
        """Give the name of a number; the number itself where nothing has it."""
        for one in self.every(kind):
            if number_of(one, "ID") == number:
                return text_of(one, "NAME")
        return str(number)


class Kind:
    """A kind of object. Subclasses say how it is found, made, compared and changed."""

    noun: ClassVar[str]
    #: The first words of its methods, such as ``one.host``.
    prefix: ClassVar[str]
    #: Keys of its template whose lists are sets.
    unordered: ClassVar[frozenset[str]] = frozenset()
    #: Attributes of the element itself that stand for keys of the template.
    top_level: ClassVar[tuple[str, ...]] = ()
    #: Whether oned tries again by itself where the object has failed.
    recovers: ClassVar[bool] = False
    #: Where ``absent`` is a change like any other, and nothing is deleted.
    absent_is_change: ClassVar[bool] = False
    #: What to do about a failed object.
    failure_hint: ClassVar[str] = ""

    def __init__(self, client: Client, params: Mapping[str, Any], directory: Directory) -> None:
        self.client = client
        self.params = params
        self.directory = directory

    # -- what a subclass may say ---------------------------------------------------------------

    def find(self) -> Element | None:
        """Give the object as its own ``info`` shows it."""
        for one in self.directory.every(self.noun):
            if text_of(one, "NAME") == self.params["name"]:
                return self.read(number_of(one, "ID"))
        return None

    def settings(self, element: Element) -> dict[str, Any]:
        """Give what is set beside the template."""
        return {}

    def wanted(self) -> dict[str, Any]:
        """Give the settings that the task names."""
        return {}

    def wanted_template(self) -> dict[str, Any]:
        """Give the keys of the template that the task names."""
        return texts.normalised(self.params.get("template"))

    def create(self) -> Step:
        """Give the call that makes the object."""
        raise NotImplementedError

    def change(self, key: str, before: Any, after: Any, number: int) -> list[Step]:  # noqa: ANN401
        """Give the calls that change one setting."""
        raise NotImplementedError

    def refuse(self, element: Element) -> None:
        """Raise where the object as it is cannot become what is wanted."""

    def more(self, element: Element) -> Plan:
        """Give what lacks beside settings and template."""
        return Plan([])

    def before(self, step: Step) -> None:
        """Wait for what a step needs."""

    def pending(self, element: Element) -> str | None:
        """Say what the object still waits for."""
        return None

    def failed(self, element: Element) -> str | None:
        """Say, in oned's words, how the object has failed."""
        return None

    def still_there(self, element: Element) -> None:
        """Raise where a deletion has failed."""

    # -- what all share --------------------------------------------------------------------------

    @property
    def label(self) -> str:
        return f"{self.noun} {self.params['name']!r}"

    def read(self, number: int) -> Element:
        element: Element = self.client.info(f"{self.prefix}.info", number)
        return element

    def delete(self, element: Element) -> Step:
        number = number_of(element, "ID")
        return Step(f"delete {self.label}", f"{self.prefix}.delete", (number,))

    def template(self, element: Element) -> dict[str, Any]:
        """Give the template, with what oned keeps outside of it put back in."""
        found = attributes_of(element.find("TEMPLATE"))
        for key in self.top_level:
            if element.find(key) is not None:
                found[key] = text_of(element, key)
        return found

    def plan(self, element: Element | None) -> Plan:
        """Say what lacks."""
        if element is None:
            after = {**self.wanted(), "template": self.wanted_template()}
            return Plan([self.create()], {}, {**after, **self.more_wanted()})
        self.refuse(element)
        number = number_of(element, "ID")
        plan = Plan([])
        present, wanted = self.settings(element), self.wanted()
        for key, value in wanted.items():
            if present.get(key) != value:
                plan.steps += self.change(key, present.get(key), value, number)
                plan.before[key], plan.after[key] = present.get(key), value
        self._plan_template(element, plan)
        further = self.more(element)
        plan.steps += further.steps
        plan.before.update(further.before)
        plan.after.update(further.after)
        return plan

    def more_wanted(self) -> dict[str, Any]:
        """Give what a new object will have beside settings and template, to be shown."""
        return {}

    def _plan_template(self, element: Element, plan: Plan) -> None:
        template = self.template(element)
        differing = lacking(self.wanted_template(), template, self.unordered)
        if not differing:
            return
        plan.steps.append(self.update(differing, number_of(element, "ID")))
        plan.before["template"] = {key: template[key] for key in differing if key in template}
        plan.after["template"] = differing

    def update(self, differing: Mapping[str, Any], number: int) -> Step:
        """Give the call that lays attributes over those that are there."""
        sent = {key: {} if value == [] else value for key, value in differing.items()}
        return Step(
            f"set {', '.join(sorted(differing))} of {self.label}",
            f"{self.prefix}.update",
            (number, texts.compose(sent), APPEND),
        )


def run(
    kind: type[Kind],
    arguments: Mapping[str, Any],
    **further: Any,  # noqa: ANN401 - AnsibleModule's own
) -> None:
    """Be the module: read the task, do it, answer Ansible."""
    module = AnsibleModule({**CONNECTION, **arguments}, supports_check_mode=True, **further)
    done: list[str] = []
    try:
        _hide(module)
        params = module.params
        client = Client(
            params["endpoint"], params["auth_file"], params["ca_file"], params["timeout"]
        )
        directory = Directory(client, module.warn, module.check_mode)
        subject = kind(client, params, directory)
        if params["state"] == "absent" and not kind.absent_is_change:
            result = _absent(module, subject, done)
        else:
            result = _present(module, subject, done)
    except OneError as error:
        module.fail_json(msg=str(error), changed=bool(done), changes=done)
    else:
        module.exit_json(**result)


def _hide(module: AnsibleModule) -> None:
    """Keep secrets of the template out of what Ansible prints."""
    template = module.params.get("template")
    if template is not None:
        module.no_log_values.update(texts.secrets(texts.normalised(template)))


def _result(element: Element | None, plan: Plan, changes: list[str]) -> dict[str, Any]:
    number = -1 if element is None else number_of(element, "ID")
    return {
        "changed": bool(changes),
        "changes": changes,
        "id": number if number >= 0 else None,
        "diff": {"before": shown(plan.before), "after": shown(plan.after)},
    }


def shown(state: Mapping[str, Any]) -> str:
    """Write settings and template for people, without secrets."""
    lines = []
    for key, value in state.items():
        if key == "template":
            continue
        text = ", ".join(str(part) for part in value) if isinstance(value, list) else value
        lines.append(f"{key}: {texts.hidden(key.upper(), text)}")
    template = state.get("template")
    if template:
        lines.append(texts.shown(template))
    return "\n".join(lines) + "\n" if lines else ""


def _present(module: AnsibleModule, subject: Kind, done: list[str]) -> dict[str, Any]:
    element = subject.find()
    first = subject.plan(element)
    if module.check_mode:
        return _result(element, first, [step.words for step in first.steps])
    plan = first
    made = element is None
    for _ in range(_ROUNDS):
        if not plan.steps:
            break
        before = [step.words for step in plan.steps]
        for step in plan.steps:
            subject.before(step)
            subject.client.call(step.method, *step.arguments)
            done.append(step.words)
        subject.directory.forget()
        element = subject.find()
        if element is None:
            raise OneError(f"{subject.label} is not there although oned made it", "run it again")
        if made:
            element = _settled(module, subject, element, True)
        plan = subject.plan(element)
        if [step.words for step in plan.steps] == before:
            module.warn(
                f"oned took this but does not keep it: {'; '.join(before)}. Each run will report"
                " a change: write the value as oned keeps it"
            )
            break
    if element is not None:
        element = _settled(module, subject, element, bool(done))
    return _result(element, first, done)


def _settled(module: AnsibleModule, subject: Kind, element: Element, fresh: bool) -> Element:
    if not module.params.get("wait", False):
        return element
    return settled(subject, element, module.params["wait_timeout"], module.warn, fresh=fresh)


def _absent(module: AnsibleModule, subject: Kind, done: list[str]) -> dict[str, Any]:
    element = subject.find()
    if element is None:
        return _result(None, Plan([]), [])
    step = subject.delete(element)
    plan = Plan([step], {"name": module.params.get("name", subject.label)}, {})
    if module.check_mode:
        return _result(element, plan, [step.words])
    subject.client.call(step.method, *step.arguments)
    done.append(step.words)
    gone(subject, module.params.get("wait_timeout"), subject.directory.forget)
    return _result(element, plan, done)
