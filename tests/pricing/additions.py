# SPDX-License-Identifier: Apache-2.0
"""What providers publish and neither package has: pricing/additions.json, one entry a line.

An entry is of a provider's models (names of rows, or patterns of them; `provider` may be several),
and holds from `start` until `end`; where it has none, from the first row on, and to the last. In
that time it

- adds figures, written as in a row (`prices`, `context`, `tiers`, `variants`); where a package has
  another figure by mistake, `instead` says which, in the same way. What `instead` alone has is
  wrong, and what is right was not found: there is no price then, as of a length whose prices are
  `{}`, and of buckets that do not have another's price (`unbilled`);
- puts `hours` in front of a row's own (`all` of them: in their place). A rule without prices has
  those of the row's last rule, which is off-peak;
- ends the model's last row (`ends`), or says its geographies, all of them (`regions`);
- is a row of its own, of a model that neither package has (`new`).

Rows say behind ADDED what was added. The card of before is read without it, and it is added again.
"""

import copy
import json
import re
from datetime import date, timedelta

import figures as f
import rows
from merge import field_name, matches

ADDED = "added: "
LISTS = ("prices", "context", "tiers", "variants")
KEYS = {"provider", "model", "new", "start", "end", "ends", "instead", "hours", "all", "regions"}
KEYS |= {*LISTS, "aliases", "unbilled", "reason", "source", "read"}
REQUIRED = {"provider", "model", "reason", "source", "read"}
PART = re.compile(r"from (\d{4}-\d\d-\d\d) ")


class Addition:
    """One entry."""

    def __init__(self, entry):
        unknown, missing = entry.keys() - KEYS, REQUIRED - entry.keys()
        assert not unknown and not missing, f"{entry}: {unknown or missing}"
        self.entry = entry
        several = not isinstance(entry["provider"], str)
        self.providers = entry["provider"] if several else [entry["provider"]]
        self.models = [entry["model"]] if isinstance(entry["model"], str) else entry["model"]
        self.start, self.end = entry.get("start", ""), entry.get("end", "9")
        self.figures = read_lists(entry)
        self.instead = read_lists(entry.get("instead", {}))
        self.dropped = self.instead.keys() - self.figures.keys()
        self.blocked = read_era(entry).blocked
        self.bounds = {above for _, above, _ in self.figures if above}
        self.bounds |= {above for _, above in self.blocked}

    def __str__(self):
        return json.dumps(self.entry, ensure_ascii=False)

    def is_of(self, provider, model):
        return provider in self.providers and matches(self.models, [model])

    def holds(self, row):
        """Whether it is of the row, of the time that the row begins."""
        if not self.is_of(row["provider"], row["model"]):
            return False
        return self.start <= row.get("start", "") < self.end

    def text(self):
        """What a row's source says."""
        fields = {field_name(key).replace("standard/", "") for key in self.figures if key[0] == ""}
        fields |= {scope.partition(":")[0] for scope, _, _ in self.figures if scope}
        fields |= {key for key in ("hours", "regions", "ends", "unbilled") if key in self.entry}
        fields |= {f"no price above {above}" for _, above in self.blocked}
        gone = {scope.partition(":")[0] + "/*" if scope else b for scope, _, b in self.dropped}
        what = ", ".join([*sorted(fields), *(f"no {name}" for name in sorted(gone))])
        return f"{what} of {self.entry['source']}, {self.entry['read']}"

    def rules(self, row):
        """Its rules of hours, with prices."""
        off_peak = row["hours"][-1]["prices"] if row.get("hours") else None
        return [
            rule if "prices" in rule else {**rule, "prices": off_peak}
            for rule in self.entry.get("hours", ())
        ]

    def change(self, era):
        """Put its figures into an era."""
        for key in self.dropped:
            era.figures.pop(key, None)
        era.figures.update(self.figures)
        era.blocked |= self.blocked

    def take_out(self, era):
        """Take its figures out of an era."""
        for scope, above, bucket in self.figures:
            for key in list(era.figures):
                # what is no token costs the same in a long request
                own = bucket not in f.TOKENS and key[::2] == (scope, bucket)
                if own or key == (scope, above, bucket):
                    del era.figures[key]
        era.figures.update(self.instead)
        era.blocked -= self.blocked

    def is_rule(self, rule):
        when = {key: value for key, value in rule.items() if key != "prices"}
        own = [{k: v for k, v in r.items() if k != "prices"} for r in self.entry.get("hours", ())]
        return when in own


class Additions:
    def __init__(self, path):
        content = json.loads(path.read_text())
        self.checked = content["checked"]
        self.list = [Addition(entry) for entry in content["added"]]
        self.writer = rows.Writer()
        self.wrong = []

    # ---- the card of before ----

    def strip(self, card):
        """The card without what was added to it. What no entry says any more stays."""
        found = []
        for row in card["rows"]:
            source, _, added = row["source"].partition(f"; {ADDED}")
            own = [a for a in self.list if a.is_of(row["provider"], row["model"])]
            if own and row["source"].startswith(ADDED):
                continue
            if own and row.get("start") in PART.findall(added):
                if "end" in row and not any("ends" in a.entry for a in own):
                    found[-1]["end"] = row["end"]
                continue
            if own and added:
                row = self.plain(copy.deepcopy(row))
                row["source"] = source
            found.append(row)
        return {**card, "rows": found}

    def plain(self, row):
        for addition in reversed(self.list):
            if not addition.is_of(row["provider"], row["model"]):
                continue
            if addition.holds(row):
                row = self.write(row, addition.take_out)
                row["hours"] = [r for r in row.get("hours", ()) if not addition.is_rule(r)]
                if not row["hours"]:
                    del row["hours"]
            if "ends" in addition.entry:
                row.pop("end", None)
            if "regions" in addition.entry:
                row.pop("regions", None)
        return row

    def write(self, row, change):
        """The row with other figures; its hours and what is said of it are as they were."""
        era = rows.read_row({key: value for key, value in row.items() if key != "hours"})
        change(era)
        parts = (row["provider"], row["model"], row.get("aliases"), era, row["source"])
        new = self.writer.row(*parts, row["checked"], row.get("end"), row["currency"])
        if new is None:
            new = {**{k: v for k, v in row.items() if k not in LISTS}, "prices": {}}
        if "hours" in row:
            new["hours"] = row["hours"]
        return new

    # ---- the card that is made ----

    def apply(self, found, models):
        """Add to rows, in place. models are those of the packages, with what they say."""
        known = {(m.provider, name): m for m in models for name in m.names}
        for addition in self.list:
            if "new" in addition.entry:
                self.add_model(found, addition, known)
                continue
            for provider in addition.providers:
                own = [row["model"] for row in found if row["provider"] == provider]
                for pattern in addition.models:
                    if not any(matches(pattern, [model]) for model in own):
                        self.wrong.append(f"no row of {pattern}: {addition}")
                for name in sorted({n for n in own if addition.is_of(provider, n)}):
                    self.add(found, addition, (provider, name), known)

    def add_model(self, found, addition, known):
        entry = addition.entry
        others = [row for row in found if not row["source"].startswith(ADDED)]
        taken = {(row["provider"], name) for row in others for name in rows.all_names(row)}
        (provider,) = addition.providers
        for name in addition.models:
            if (provider, name) in known or (provider, name) in taken:
                self.wrong.append(f"a package has {name}: {addition}")
                continue
            row = {"provider": provider, "model": name, "aliases": entry.get("aliases")}
            row |= {"start": entry["start"]} if "start" in entry else {}
            row |= {"end": entry["end"]} if "end" in entry else {}
            row |= {"currency": "USD", "checked": self.checked, "prices": {}}
            row["source"] = f"{ADDED}{name}: {addition.text()}"
            row |= {key: entry[key] for key in (*LISTS, "regions") if key in entry}
            found.append(self.write(row, lambda era: None))

    def add(self, found, addition, model, known):
        """To the rows of one model."""
        own = [r for r in found if (r["provider"], r["model"]) == model]
        own.sort(key=lambda row: row.get("start", ""))
        others = [row for row in found if not any(row is o for o in own)]
        for day in (addition.start, addition.entry.get("end", "")):
            before = [row for row in own if row.get("start", "") <= day < row.get("end", "9")]
            if day and before and before[-1].get("start", "") != day:
                again = copy.deepcopy(before[-1])
                again |= {"start": day, "checked": self.checked}
                what = "as before" if day == addition.end else "other prices"
                mark(again, f"from {day} {what}")
                before[-1].pop("end", None)
                own.append(again)
                own.sort(key=lambda row: row.get("start", ""))
        spans = [row for row in own if addition.holds(row)]
        if not spans:
            self.wrong.append(f"no row of {model[1]} at that time: {addition}")
        made = []
        for row in own:
            if any(row is span for span in spans):
                self.check(addition, row, known)
                row = self.added(addition, row)
            made.append(row)
        if "ends" in addition.entry:
            if made[-1].get("end") or made[-1].get("start", "") >= addition.entry["ends"]:
                self.wrong.append(f"the last row of {model[1]} ends or has not begun: {addition}")
            made[-1]["end"] = addition.entry["ends"]
        found[:] = others + made

    def added(self, addition, row):
        text = addition.text()
        if addition.figures or addition.dropped or addition.blocked:
            row = self.write(row, addition.change)
        if "hours" in addition.entry:
            rules = addition.rules(row)
            row["hours"] = rules + ([] if "all" in addition.entry else row.get("hours", []))
            if not row["hours"]:
                del row["hours"]
        mark(row, text)
        return row

    def check(self, addition, row, known):
        """A figure that the row or a package has is an error, unless it is the one named."""
        era = rows.read_row(row)
        said = [("the card", era.figures)]
        for key in addition.instead.keys() - era.figures.keys():
            self.wrong.append(f"the card has no {row['model']} {field_name(key)}: {addition}")
        model = known.get((row["provider"], row["model"]))
        if model:
            begun = [
                e
                for e in [*model.past, model.merged.era, *model.future]
                if (e.start or "") <= row.get("start", "")
            ]
            if begun:
                said.append(("a package", begun[-1].figures))
            unsettled = {field for field, e in model.merged.settled if e["choice"] == "none"}
            for key in addition.figures:
                if field_name(key) in unsettled:
                    self.wrong.append(f"packages have {row['model']} {field_name(key)}: {addition}")
        for key in addition.dropped & era.figures.keys():
            figure = addition.instead[key]
            if era.figures[key] != figure:
                field = f"{row['model']} {field_name(key)} {f.price_text(key[2], figure)}"
                self.wrong.append(f"the card has not {field}: {addition}")
        for key in addition.figures:
            for who, figures in said:
                own = figures.get(key)
                ours = self.earlier(addition, row, key) if who == "the card" else None
                if own not in (None, ours) and own != addition.instead.get(key):
                    price = f.price_text(key[2], own)
                    field = field_name(key)
                    self.wrong.append(f"{who} has {row['model']} {field} {price}: {addition}")

    def earlier(self, addition, row, key):
        """What an addition before this one says."""
        index = self.list.index(addition)
        found = [a.figures[key] for a in self.list[:index] if a.holds(row) and key in a.figures]
        return found[-1] if found else None

    def narrow(self, found):
        """Geographies that a provider lists: only those. And what has no other bucket's price."""
        for addition in self.list:
            for row in found if "new" not in addition.entry else ():
                if not addition.holds(row):
                    continue
                if "regions" in addition.entry:
                    row["regions"] = addition.entry["regions"]
                for bucket in addition.entry.get("unbilled", ()):
                    del row["billed_as"][bucket]

    # ---- beside the packages ----

    def explains(self, usage, bucket, figure):
        """Whether the card's figure, or that it has none, is by an addition."""
        row, day = usage.row, usage.time.date()
        read = sum(usage.quantities.get(b, 0) for b in f.TOKENS - f.OUTPUT)
        for addition in self.list:
            if not addition.is_of(row["provider"], row["model"]):
                continue
            entry = addition.entry
            same = {bucket, bucket.removesuffix("_5m")}
            told = {v for (_, _, b), v in addition.figures.items() if b in same}
            for rule in entry.get("hours", ()):
                if bucket in rule.get("prices", ()):
                    told.add(f.figure_of(bucket, rule["prices"][bucket]))
                # a day of the rule's zone is of two days of UTC
                first = date.fromisoformat(rule.get("start", "9999-01-01")) - timedelta(days=1)
                if first <= day <= date.fromisoformat(rule.get("end", "9999-01-01")):
                    return True
            dropped = {b for _, _, b in addition.dropped} | set(entry.get("unbilled", ()))
            long = any(read > above for above in addition.bounds)
            lost = figure is None and (long or "new" in entry or bucket in dropped)
            ended = figure is None and day.isoformat() >= entry.get("ends", "9")
            regions = entry.get("regions", [usage.region])
            elsewhere = figure is None and usage.region and usage.region not in regions
            own = rows.read_row(row).figures.get(("", 0, bucket))
            hours = "all" in entry and addition.holds(row) and figure == own
            if figure is not None and (figure in told or hours) or lost or ended or elsewhere:
                return True
        return False


def read_era(entry):
    """An era of lists of prices, written as in a row."""
    lists = {key: entry[key] for key in LISTS if key in entry}
    # a row's cache writes are read without their default lifetime
    return rows.read_row({"prices": {}, "billed_as": {"cache_write": "cache_write_5m"}, **lists})


def read_lists(entry):
    return read_era(entry).figures


def mark(row, text):
    """Say in a row's source what was added."""
    row["source"] += f"; {text}" if ADDED in row["source"] else f"; {ADDED}{text}"
    assert len(row["source"]) <= 1000, row["source"]
