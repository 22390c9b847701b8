# SPDX-License-Identifier: Apache-2.0
"""tests/pricing/differences.json: in what the card and a package differ, and why.

"reasons" are written by hand: what class of difference is as it should be, of which provider and
bucket. "differences" are what there is of them, to the last model: `make price-differences` writes
them anew, to be read by a person. Each has its count of (name, tier), a hash over all of them, and
their names where they are few.
"""

import collections
import hashlib
import json

import merge

NAMED_MAX = 12  # names of an entry that are told one by one
PROVIDERS_MAX = 16  # of one difference, that have an entry each
REASON_KEYS = {"oracle", "class", "provider", "model", "field", "reason", "source"}

# What differs: a class of difference (differ.py), by name, bucket and tier.
Case = collections.namedtuple("Case", "oracle kind provider model field tier")


class Differences:
    def __init__(self, path):
        self.path = path
        content = json.loads(path.read_text())
        self.reasons, self.entries = content["reasons"], content["differences"]
        for reason in self.reasons:
            assert reason.keys() == REASON_KEYS, f"{path}: {reason}"

    def reason(self, case):
        """The place of the reason of a case, or None."""
        for i, reason in enumerate(self.reasons):
            if (
                reason["oracle"] == case.oracle
                and reason["class"] == case.kind
                and merge.matches(reason["provider"], [case.provider])
                and merge.matches(reason["model"], [case.model])
                and merge.matches(reason["field"], [case.field])
            ):
                return i
        return None

    def made(self, cases):
        """The entries of a set of cases; and the cases that have no reason."""
        groups, silent = collections.defaultdict(list), []
        for case in sorted(cases):
            i = self.reason(case)
            if i is None:
                silent.append(case)
            else:
                groups[case.oracle, case.kind, i, case.field].append(case)
        entries = []
        for (_, _, i, _), found in sorted(groups.items()):
            providers = sorted({case.provider for case in found})
            if len(providers) > PROVIDERS_MAX:
                entries.append(entry(found, "*", self.reasons[i]))
                continue
            for provider in providers:
                own = [case for case in found if case.provider == provider]
                entries.append(entry(own, provider, self.reasons[i]))
        unused = set(range(len(self.reasons))) - {i for _, _, i, _ in groups}
        return entries, silent, [self.reasons[i] for i in sorted(unused)]

    def write(self, entries):
        lines = {"reasons": self.reasons, "differences": entries}
        parts = [
            f'"{key}": [\n  ' + ",\n  ".join(json.dumps(v, ensure_ascii=False) for v in values)
            for key, values in lines.items()
        ]
        self.path.write_text("{" + "\n], ".join(parts) + "\n]}\n")


def entry(cases, provider, reason):
    models = sorted({case.model for case in cases})
    text = "".join(f"{c.provider} {c.model} {c.tier}\n" for c in cases)
    return {
        "oracle": cases[0].oracle,
        "class": cases[0].kind,
        "provider": provider,
        "models": models if len(models) <= NAMED_MAX else "*",
        "field": cases[0].field,
        "count": len(cases),
        "hash": hashlib.sha256(text.encode()).hexdigest()[:12],
        "reason": reason["reason"],
        "source": reason["source"],
    }


def changes(before, now):
    """What of a list is not as it was, for a person."""
    key = lambda e: (e["oracle"], e["class"], e["provider"], e["field"], e["reason"])
    old, new = {key(e): e for e in before}, {key(e): e for e in now}
    for k in sorted(old.keys() | new.keys()):
        if old.get(k) != new.get(k):
            yield f"- {json.dumps(old[k])}" if k in old else f"- nothing of {k}"
            yield f"+ {json.dumps(new[k])}" if k in new else f"+ nothing of {k}"
