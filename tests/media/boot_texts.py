"""Boot menus as the vendors' boot ISOs have them.

Shapes, labels, entry names and argument spellings follow lorax's x86 templates (branches
rhel7 to rhel10) and, for EL 6, Anaconda's mk-images of the rhel6 branch. The texts are
shortened: no colours, no help texts of entries that nothing here reads.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MenuFacts:
    """What the menus of one base medium are written from."""

    product: str
    version: str
    label: str  #: volume id of the ISO, as it stands
    timeout_s: int
    console: str | None  #: kernel console appended to every line, e.g. ``ttyS0,115200n8``

    @property
    def title(self) -> str:
        """Product and version as the menus show them."""
        return f"{self.product} {self.version}"

    @property
    def stage2(self) -> str:
        """The argument that names the volume of the installer's second stage."""
        return "inst.stage2=hd:LABEL=" + self.label.replace(" ", "\\x20")

    @property
    def tail(self) -> str:
        """What a test wants at the end of each kernel command line."""
        return f" console={self.console}" if self.console else ""


_RULE = "menu separator # insert an empty line\n"

_ISOLINUX_FRAME = """\
default vesamenu.c32
timeout {ticks}

display boot.msg

# Clear the screen when exiting the menu, instead of leaving the menu displayed.
menu clear
menu background splash.png
menu title {title}
menu vshift 8
menu rows 18
menu margin 8
#menu hidden
menu helpmsgrow 15
menu tabmsgrow 13

# Border Area
menu color border * #00000000 #00000000 none

menu tabmsg Press Tab for full configuration options on menu items.

"""


def _isolinux_entry(name: str, menu_label: str, append: str, *marks: str) -> str:
    lines = [f"label {name}"]
    lines += [f"  {mark}" for mark in marks if mark.startswith("menu indent")]
    lines += [f"  menu label {menu_label}"]
    lines += [f"  {mark}" for mark in marks if not mark.startswith("menu indent")]
    lines += ["  kernel vmlinuz", f"  append {append}", "", ""]
    return "\n".join(lines)


def isolinux_el7_to_el9(facts: MenuFacts, *, rescue: str, fips: bool) -> str:
    """isolinux/isolinux.cfg of EL 7, 8 and 9; ``rescue`` is the release's rescue argument."""
    root = f"initrd=initrd.img {facts.stage2}"
    text = _ISOLINUX_FRAME.format(ticks=facts.timeout_s * 10, title=facts.title) + _RULE * 2 + "\n"
    text += _isolinux_entry("linux", f"^Install {facts.title}", f"{root} quiet{facts.tail}")
    text += _isolinux_entry(
        "check",
        f"Test this ^media & install {facts.title}",
        f"{root} rd.live.check quiet{facts.tail}",
        "menu default",
    )
    if fips:
        text += _isolinux_entry(
            "fips",
            f"^Install {facts.title} in FIPS mode",
            f"{root} quiet fips=1{facts.tail}",
        )
    text += _RULE + "\n# utilities submenu\nmenu begin ^Troubleshooting\n"
    text += "  menu title Troubleshooting\n\n"
    text += _isolinux_entry(
        "vesa",
        f"Install {facts.title} in ^basic graphics mode",
        f"{root} nomodeset quiet{facts.tail}",
        "menu indent count 5",
        f"text help\n\tTry this option out if you're having trouble installing\n"
        f"\t{facts.title}.\n  endtext",
    )
    text += _isolinux_entry(
        "rescue",
        f"^Rescue a {facts.product} system",
        f"{root} {rescue} quiet{facts.tail}",
        "menu indent count 5",
    )
    text += "label memtest\n  menu label Run a ^memory test\n  kernel memtest\n\n" + _RULE
    text += "\nlabel local\n  menu label Boot from ^local drive\n  localboot 0xffff\n\n"
    text += _RULE * 2 + "\nlabel returntomain\n  menu label Return to ^main menu\n  menu exit\n\n"
    return text + "menu end\n"


def isolinux_el6(facts: MenuFacts) -> str:
    """isolinux/isolinux.cfg of EL 6: no second stage is named, entries are not separated."""
    tail = facts.tail
    return (
        f"default vesamenu.c32\n#prompt 1\ntimeout {facts.timeout_s * 10}\n\ndisplay boot.msg\n\n"
        f"menu background splash.jpg\nmenu title Welcome to {facts.title}!\n"
        "menu color border 0 #ffffffff #00000000\nmenu color sel 7 #ffffffff #ff000000\n\n"
        "label linux\n  menu label ^Install or upgrade an existing system\n  menu default\n"
        f"  kernel vmlinuz\n  append initrd=initrd.img{tail}\n"
        "label vesa\n  menu label Install system with ^basic video driver\n"
        f"  kernel vmlinuz\n  append initrd=initrd.img nomodeset{tail}\n"
        "label rescue\n  menu label ^Rescue installed system\n"
        f"  kernel vmlinuz\n  append initrd=initrd.img rescue{tail}\n"
        "label local\n  menu label Boot from ^local drive\n  localboot 0xffff\n"
        "label memtest86\n  menu label ^Memory test\n  kernel memtest\n  append -\n\n"
    )


def grub_legacy_el6(facts: MenuFacts) -> str:
    """EFI/BOOT/BOOTX64.conf of EL 6, in the language of GRUB 0.97."""

    def entry(title: str, arguments: str) -> str:
        line = f"/images/pxeboot/vmlinuz{arguments}{facts.tail}"
        return f"title {title}\n\tkernel {line}\n\tinitrd /images/pxeboot/initrd.img\n"

    return (
        "#debug --graphics\ndefault=0\nsplashimage=/EFI/BOOT/splash.xpm.gz\n"
        f"timeout {facts.timeout_s}\nhiddenmenu\n"
        + entry(facts.title, "")
        + entry("Install system with basic video driver", " nomodeset askmethod")
        + entry("rescue", " rescue askmethod")
    )


def grub2(facts: MenuFacts, *, command: str, rescue: str, fips: bool, bios: bool = False) -> str:
    """grub.cfg of EL 7 to 10.

    ``command`` is "linuxefi" (EL 7 to 9) or "linux" (EL 10); ``bios`` gives the EL 10 file
    in boot/grub2, which has chain loading entries at its end.
    """
    initrd = command.replace("linux", "initrd")
    tail = facts.tail
    classes = "--class fedora --class gnu-linux --class gnu --class os"
    modules = ("all_video",) if bios else _EFI_VIDEO
    head = 'set default="1"\n\nfunction load_video {\n'
    head += "".join(f"  insmod {module}\n" for module in modules)
    head += "}\n\nload_video\nset gfxpayload=keep\ninsmod gzio\ninsmod part_gpt\ninsmod ext2\n"
    if bios:
        head += "insmod chain\n"
    head += f"\nset timeout={facts.timeout_s}\n### END /etc/grub.d/00_header ###\n\n"
    head += f"search --no-floppy --set=root -l '{facts.label}'\n\n"
    head += "### BEGIN /etc/grub.d/10_linux ###\n"

    def entry(title: str, arguments: str, indent: str = "") -> str:
        line = f"{command} /images/pxeboot/vmlinuz {facts.stage2} {arguments}{tail}"
        return (
            f"{indent}menuentry '{title}' {classes} {{\n{indent}\t{line}\n"
            f"{indent}\t{initrd} /images/pxeboot/initrd.img\n{indent}}}\n"
        )

    text = head + entry(f"Install {facts.title}", "quiet")
    text += entry(f"Test this media & install {facts.title}", "rd.live.check quiet")
    if fips:
        text += entry(f"Install {facts.title} in FIPS mode", "quiet fips=1")
    text += "submenu 'Troubleshooting -->' {\n"
    text += entry(f"Install {facts.title} in basic graphics mode", "nomodeset quiet", "\t")
    text += entry(f"Rescue a {facts.product} system", f"{rescue} quiet", "\t")
    if bios:
        for name, disk in (("first", "hd0"), ("second", "hd1")):
            text += f"\tmenuentry 'Boot {name} drive' {classes} {{\n"
            text += f"\t\tchainloader ({disk})+1\n\t}}\n"
    return text + "}\n"


_EFI_VIDEO = ("efi_gop", "efi_uga", "video_bochs", "video_cirrus", "all_video")
