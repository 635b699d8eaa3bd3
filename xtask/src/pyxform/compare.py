"""Compares the XForms of `alongside forms convert` with those that pyxform writes of the same forms.

    compare.py OURS FORM...

OURS holds one .xml of ours for each form. Binds, texts, instances and the body are compared as they
mean something: blanks around paths and texts are not, nor is a path from the node or from the top.
Exits with 1 where they differ in more than what KNOWN names.
"""

import re
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

from pyxform import __version__
from pyxform.xls2xform import convert

XF = "{http://www.w3.org/2002/xforms}"
H = "{http://www.w3.org/1999/xhtml}"

# Where we differ on purpose, by form and place, with the reason.
KNOWN = {}


def absolute(text, at):
    """Paths from the node become paths from the top; `current()` is the node."""

    def resolve(match):
        steps = at.strip("/").split("/")
        path = match.group(0)
        while path.startswith(".."):
            steps, path = steps[:-1], path[2:].lstrip("/")
        return "/" + "/".join(steps + ([path] if path else []))

    text = text.replace("current()/", "")
    return re.sub(r"(?<![\w/.\])])\.\.(?:/\.\.)*(?:/[\w.:-]+)*", resolve, text)


def expression(text, at):
    return re.sub(r"\s+", "", absolute(text, at))


def words(element, at):
    """A text with what it mentions, blanks put together."""
    parts = [element.text or ""]
    for child in element:
        if child.tag == XF + "output":
            parts.append("<" + expression(child.get("value", ""), at) + ">")
        parts.append(child.tail or "")
    return re.sub(r"\s+", " ", " ".join(parts)).strip().replace("> ", ">").replace(" <", "<")


def short(tag):
    return tag.split("}")[-1]


def attributes(element, at):
    kept = {}
    for name, value in element.attrib.items():
        if name in ("toParseString",) or (short(name) == "required" and value == "false()"):
            continue
        kept[name] = expression(value, at) if name not in ("appearance", "mediatype", "src") else value
        if short(name) in ("constraintMsg", "requiredMsg"):
            kept[name] = value.strip()
    return kept


def where(element, at):
    return element.get("nodeset") or element.get("ref") or at


def control(element, at):
    at = where(element, at) if short(element.tag) not in ("value", "label", "hint", "itemset", "setvalue") else at
    children = [control(child, at) for child in element if child.tag != XF + "output"]
    text = "" if len(element) and not any(c.tag == XF + "output" for c in element) else words(element, at)
    return (short(element.tag), tuple(sorted(attributes(element, at).items())), text, tuple(children))


def parts(text):
    root = ET.fromstring(text)
    model = root.find(f"{H}head/{XF}model")
    instances = model.findall(XF + "instance")
    binds = {bind.get("nodeset"): attributes(bind, bind.get("nodeset")) for bind in model.findall(XF + "bind")}
    actions = sorted(
        (short(a.tag), tuple(sorted(attributes(a, a.get("ref")).items())))
        for a in model
        if short(a.tag) in ("setvalue", "setgeopoint", "recordaudio")
    )
    texts = {}
    for translation in model.iter(XF + "translation"):
        for entry in translation:
            at = entry.get("id").split(":")[0]
            for value in entry:
                texts[(translation.get("lang"), entry.get("id"), value.get("form"))] = words(value, at)
    submission = model.find(XF + "submission")
    return {
        "title": root.findtext(f"{H}head/{H}title"),
        "submission": None if submission is None else dict(submission.attrib),
        "instance": tree(instances[0]),
        "data": {i.get("id"): (i.get("src"), tree(i)) for i in instances[1:]},
        "order of binds": list(binds),
        "binds": binds,
        "actions": actions,
        "default language": [t.get("lang") for t in model.iter(XF + "translation") if t.get("default")],
        "texts": texts,
        "body": control(root.find(H + "body"), ""),
    }


def tree(element):
    attributes = tuple(sorted(element.attrib.items()))
    return (short(element.tag), attributes, (element.text or "").strip(), tuple(tree(c) for c in element))


def differences(ours, theirs, place):
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(set(ours) | set(theirs), key=str):
            yield from differences(ours.get(key), theirs.get(key), f"{place} {key}")
    elif isinstance(ours, tuple) and isinstance(theirs, tuple) and len(ours) == len(theirs):
        for at, (a, b) in enumerate(zip(ours, theirs)):
            yield from differences(a, b, f"{place}.{at}")
    elif ours != theirs:
        yield place, ours, theirs


def main():
    folder, forms = Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]
    wrong = known = agreed = 0
    spent = 0.0
    for form in forms:
        begun = time.perf_counter()
        xform = convert(str(form), form_name="data", validate=False, pretty_print=False).xform
        spent += time.perf_counter() - begun
        theirs = parts(xform)
        ours = parts((folder / f"{form.stem}.xml").read_text(encoding="utf-8"))
        bad = 0
        for name in ours:
            for place, mine, other in differences(ours[name], theirs[name], f"{form.stem}: {name}"):
                if any(place.startswith(known_place) for known_place in KNOWN):
                    known += 1
                    continue
                bad += 1
                print(f"{place}\n  ours   {mine}\n  theirs {other}")
        wrong += bad
        agreed += bad == 0
    print(f"pyxform {__version__}: {agreed} of {len(forms)} forms agree, {known} known differences; "
          f"pyxform took {spent * 1000:.0f} ms")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
