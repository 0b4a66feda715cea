"""Which class each file of a folder or archive is of, and which part, by the folders it lies in.

The class is the first folder, as in torchvision's ImageFolder. Folders that hold everything else
are passed through; above the classes may stand the parts of a set: train and test by any of their
usual names. A part without class folders may name its classes in `val_annotations.txt`, as Tiny
ImageNet does; `classes.json` ({folder: name}) gives classes other names.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from skipviz.core import strict_json
from skipviz.core.declarations import listed
from skipviz.core.knob import SpecError, show
from skipviz.datafiles import archives, names
from skipviz.datafiles.archives import Entry, Listing, Source, Trouble
from skipviz.datafiles.pictures import ENDINGS

T = TypeVar("T")

ANNOTATIONS, NAMES = "val_annotations.txt", "classes.json"
_EACH = 3
"""Files of one ending, or of one folder, that are named one by one; more are counted."""


@dataclass(frozen=True)
class Pick:
    """A file that may be a picture, its class, and whether it lies in the test part."""

    entry: Entry
    label: str
    held: bool


@dataclass
class Survey:
    """What will be read, what will not, and what was understood of it."""

    picks: list[Pick] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


Inner = tuple[tuple[str, ...], Entry]
"""A file, and the folders and name that are left of its path."""


def survey(source: Source) -> Survey:
    """What a folder or an archive holds. SpecError where its classes cannot be told."""
    listing = source.listing()
    outcome = Survey(troubles=list(listing.troubles))
    _said(listing, outcome)
    entries = sorted(listing.entries, key=lambda entry: names.natural(str(entry.path)))
    entries_kept = _without_litter(entries, outcome)
    inner = _pictures(entries_kept, outcome)
    _classes(
        _unwrapped(inner), outcome, source, [e for e in entries_kept if e.path.name == ANNOTATIONS]
    )
    _spellings(outcome)
    _named(outcome, source, [entry for entry in entries_kept if entry.path.name == NAMES])
    outcome.picks.sort(key=lambda pick: (names.natural(pick.label), pick.held, pick.entry.path))
    return outcome


def _said(listing: Listing, outcome: Survey) -> None:
    if listing.links:
        outcome.notes.append(
            f"{_count(len(listing.links), 'link')} not followed ({_some(listing.links)}):"
            " put the files themselves there"
        )
    if listing.page:
        foreign = [str(e.path) for e in listing.entries if not str(e.path).isascii()]
        outcome.notes.append(
            f"names that are not UTF-8 were read as code page {listing.page}, a guess"
            f" ({archives.said(foreign[0]) if foreign else '?'})"
        )


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def _some(texts: Iterable[str]) -> str:
    """The first three, and that there are more."""
    first = list(dict.fromkeys(texts))
    return ", ".join(first[:3]) + (" …" if len(first) > 3 else "")


def _without_litter(entries: Sequence[Entry], outcome: Survey) -> list[Entry]:
    entries_kept: list[Entry] = []
    litter: Counter[str] = Counter()
    for entry in entries:
        name = next((part for part in entry.path.parts if names.is_litter(part)), "")
        if name:
            litter[archives.said(name)] += 1
        else:
            entries_kept.append(entry)
    if litter:
        count = _count(sum(litter.values()), "file")
        outcome.notes.append(f"{count} of systems and programs passed over ({_some(litter)})")
    return entries_kept


def _pictures(entries: Sequence[Entry], outcome: Survey) -> list[Inner]:
    inner: list[Inner] = []
    others: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        path = entry.path
        if path.suffix.lower() in ENDINGS:
            inner.append((tuple(names.same(part) for part in path.parts), entry))
        elif path.name not in (ANNOTATIONS, NAMES):
            others[path.suffix.lower()].append(entry)
    for files in others.values():
        _leave(files, f"must end in {', '.join(ENDINGS)}", outcome)
    return inner


def _leave(entries: Sequence[Entry], why: str, outcome: Survey) -> None:
    """Leaves files out, each by its name where they are few."""
    if len(entries) <= _EACH:
        outcome.troubles += [Trouble(archives.said(entry.path), why) for entry in entries]
    elif entries:
        first = archives.said(entries[0].path)
        outcome.troubles.append(Trouble(f"{first} and {len(entries) - 1:,} more", why))


# --- Folders -----------------------------------------------------------------------------------


def _tops(inner: Iterable[Inner]) -> dict[str, list[Inner]]:
    """Files that lie in a folder, by the first folder, which is taken off their paths."""
    tops: dict[str, list[Inner]] = defaultdict(list)
    for parts, entry in inner:
        if len(parts) > 1:
            tops[parts[0]].append((parts[1:], entry))
    return dict(tops)


def _unwrapped(inner: list[Inner]) -> list[Inner]:
    """Without the folders that hold everything, as archives have them around their content."""
    tops = _tops(inner)
    if len(tops) == 1:
        [within] = tops.values()
        below = _tops(within)
        alone = len(below) == 1 and all(len(parts) > 1 for parts, _ in within)
        if len(below) > 1 or alone:
            loose = [(parts, entry) for parts, entry in inner if len(parts) == 1]
            return loose + _unwrapped(within)
    return inner


def _classes(
    inner: list[Inner], outcome: Survey, source: Source, annotations: Sequence[Entry]
) -> None:
    """Finds the parts and the classes."""
    loose = [entry for parts, entry in inner if len(parts) == 1]
    _leave(loose, "lies in no folder that names its class", outcome)
    tops = _tops(inner)
    train = [name for name in tops if names.part(name) == "train"]
    tests = [name for name in tops if names.part(name) == "test"]
    taught = {label for name in train for label in _tops(_unwrapped(tops[name]))}
    if not train and tests:  # a test part beside the folders of the classes
        siblings = {name: tops[name] for name in tops if name not in tests}
        if any(set(_tops(_unwrapped(tops[name]))) & set(siblings) for name in tests):
            _take(siblings, False, outcome)
            _test_parts({name: tops[name] for name in tests}, set(siblings), outcome, source, ())
            return
    if not tests or not taught:
        _first_level(tops, outcome)
        return
    for name in train:
        _part(name, tops[name], False, outcome)
    _test_parts({name: tops[name] for name in tests}, taught, outcome, source, annotations)
    for name in set(tops) - set(train) - set(tests):
        _leave(_entries(tops[name]), f"lies beside the parts {_shown([*train, *tests])}", outcome)


def _first_level(tops: dict[str, list[Inner]], outcome: Survey) -> None:
    """Every top folder is a class, unless the same classes plainly lie below several of them."""
    below = {name: set(_tops(within)) for name, within in tops.items()}
    counts = Counter(label for labels in below.values() for label in labels)
    several = (label for label, count in counts.items() if count > 1)
    shared = sorted(several, key=names.natural)
    deep = all(len(parts) > 1 for within in tops.values() for parts, _ in within)
    if len(tops) > 1 and deep and len(shared) > 1:
        raise SpecError(
            f"the folders {_shown(shared)} lie in {_shown(tops)}: call the parts train and test,"
            " or give the folder of the classes alone"
        )
    above = [name for name in tops if below[name] & set(shared)]
    if shared:
        outcome.notes.append(
            f"{_shown(shared)} {'lies' if len(shared) == 1 else 'lie'} in {_shown(above)}, which"
            " were taken as the classes: where they are parts, call them train and test"
        )
    parts = [name for name in tops if names.part(name) and not below[name]]
    if parts:
        outcome.notes.append(
            f"{_shown(parts)} taken as {'a class' if len(parts) == 1 else 'classes'}, not as parts:"
            " pictures lie in them, not folders of classes"
        )
    _take(tops, False, outcome)


def _take(tops: dict[str, list[Inner]], held: bool, outcome: Survey) -> None:
    """Each folder is a class; says where its pictures lie deeper."""
    for label, within in tops.items():
        outcome.picks += [Pick(entry, label, held) for _, entry in within]
    deeper = {name: within for name, within in tops.items() if any(len(p) > 1 for p, _ in within)}
    if deeper:
        folders = [f"{name}/{p[0]}" for name, within in deeper.items() for p, _ in within if p[1:]]
        count = _count(sum(len(p) > 1 for within in deeper.values() for p, _ in within), "picture")
        outcome.notes.append(
            f"{count} in folders below a class ({_some(map(archives.said, folders))}):"
            " the class is the first folder"
        )


def _part(name: str, within: list[Inner], held: bool, outcome: Survey) -> None:
    tops = _tops(_unwrapped(within))
    of_classes = {id(entry) for files in tops.values() for _, entry in files}
    loose = [entry for _, entry in within if id(entry) not in of_classes]
    _leave(loose, f"lies in no class of {archives.said(name)}", outcome)
    _take(tops, held, outcome)


def _test_parts(
    tests: dict[str, list[Inner]],
    taught: set[str],
    outcome: Survey,
    source: Source,
    annotations: Sequence[Entry],
) -> None:
    """The test parts: with class folders like those that are trained on, or with a list."""
    parts_taken = []
    for name, within in tests.items():
        inside = {entry.path for _, entry in within}
        texts = [e for e in annotations if any(e.path.parent in path.parents for path in inside)]
        if texts:
            _annotated(within, texts[0], outcome, source)
        elif taught & set(_tops(_unwrapped(within))):
            _part(name, within, True, outcome)
        else:
            _leave(_entries(within), f"{archives.said(name)} names no class for it", outcome)
            continue
        parts_taken.append(name)
    if parts_taken:
        outcome.notes.append(f"held out: the pictures in {_shown(parts_taken)}")


def _annotated(within: list[Inner], text: Entry, outcome: Survey, source: Source) -> None:
    """Pictures whose classes stand in lines of file name, tab, class."""
    rows = [line.split("\t") for line in _text(source, text).splitlines()]
    labels = _once(((row[0], names.same(row[1])) for row in rows if len(row) > 1), text)
    lost = [entry for _, entry in within if entry.path.name not in labels]
    _leave(lost, f"is not in {archives.said(text.path)}", outcome)
    for _, entry in within:
        if entry.path.name in labels:
            outcome.picks.append(Pick(entry, labels[entry.path.name], True))


def _once(pairs: Iterable[tuple[str, T]], where: Entry) -> dict[str, T]:
    """What a file inside says of each name. SpecError where it says something of one twice."""
    values: dict[str, T] = {}
    for name, value in pairs:
        if name in values:
            raise _named_twice(where, name)
        values[name] = value
    return values


def _named_twice(where: Entry, name: str) -> SpecError:
    return SpecError(f"{archives.said(where.path)}: {show(name)} stands in it twice; keep one")


def _text(source: Source, entry: Entry) -> str:
    for _, data in source.contents([entry]):
        if isinstance(data, bytes):
            return data.decode("utf-8", "replace")
        raise SpecError(f"{data.name}: {data.why}")
    return ""


def _entries(within: Iterable[Inner]) -> list[Entry]:
    return [entry for _, entry in within]


def _shown(texts: Iterable[str]) -> str:
    first = [archives.said(text) for text in texts]
    return listed(first[:4]) + (" …" if len(first) > 4 else "")


# --- Names -------------------------------------------------------------------------------------


def _spellings(outcome: Survey) -> None:
    """Says which classes two folders make whose names have the same letters, composed or not."""
    raw: dict[str, set[str]] = defaultdict(set)
    for pick in outcome.picks:
        raw[pick.label] |= {p for p in pick.entry.path.parts if names.same(p) == pick.label}
    double = [archives.said(label) for label, spelled in raw.items() if len(spelled) > 1]
    if double:
        outcome.notes.append(f"{_some(double)}: folders of the same letters are one class")


def _named(outcome: Survey, source: Source, files: Sequence[Entry]) -> None:
    """Gives classes the names of `classes.json`."""
    if not files:
        return
    shortest = min(files, key=lambda entry: len(entry.path.parts))
    try:
        titles = strict_json.read(_text(source, shortest))
        pairs = [(names.same(key), title) for key, title in titles.items()]
    except strict_json.KeyTwiceError as error:
        raise _named_twice(shortest, str(error)) from None
    except (ValueError, AttributeError, RecursionError):
        outcome.notes.append(f"{archives.said(shortest.path)}: is not of the form {{folder: name}}")
        return
    texts = _once(pairs, shortest)
    labels = sorted({pick.label for pick in outcome.picks}, key=names.natural)
    wanted = [text if isinstance(text := texts.get(key), str) else key for key in labels]
    told_apart = dict(zip(labels, names.distinct(wanted), strict=True))
    outcome.picks = [Pick(p.entry, told_apart[p.label], p.held) for p in outcome.picks]
