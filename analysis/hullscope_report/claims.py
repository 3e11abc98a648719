"""The four claims of the paper: yes, partly, no or undetermined, from claims.toml and results.h5 alone.

A condition compares a statistic's interval with a threshold and is True, False or None (open). A verdict is monotone in
its conditions, so what the open ones leave possible is the range between all of them False and all of them True.
"""

import dataclasses
import json
import math
import pathlib
import tomllib

import numpy as np
from scipy import stats

from .program import ReportError
from .reference import paper_networks, paper_reference
from .results import Results

LEVELS = ("no", "partly", "yes")
CLAIMS = ("a", "b", "c", "c_prime", "d")
LABELS = {"a": "(a)", "b": "(b)", "c": "(c)", "c_prime": "(c')", "d": "(d)"}
READING_ERROR = 0.0005  # of the paper's fractions, which we have with three digits


def read_rules(path=None):
    path = path or pathlib.Path(__file__).parent.parent / "claims.toml"
    return tomllib.loads(pathlib.Path(path).read_text())


@dataclasses.dataclass
class Statistic:
    """A value with its interval, and what its one-sided test needs: degrees of freedom (t) or bootstrap draws."""

    value: float
    lower: float = math.nan
    upper: float = math.nan
    n_wrong: int = -1
    trials: int = 0
    method: str = ""
    status: str = "ok"
    degrees: float = math.nan
    draws: np.ndarray | None = None

    @property
    def has_interval(self):
        return math.isfinite(self.lower) and math.isfinite(self.upper)

    def p_above(self, threshold):
        """One-sided p value of: the true value is above the threshold. NaN where there is no test."""
        if self.draws is not None:
            return (1 + int((self.draws <= threshold).sum())) / (1 + len(self.draws))
        if not math.isfinite(self.degrees) or not self.has_interval:
            return math.nan
        error = (self.upper - self.lower) / 2 / stats.t.ppf(0.975, self.degrees)
        if error == 0:
            return float(self.value < threshold)
        return float(stats.t.sf((self.value - threshold) / error, self.degrees))

    def p_below(self, threshold):
        mirrored = None if self.draws is None else -self.draws
        return dataclasses.replace(self, value=-self.value, lower=-self.upper, upper=-self.lower, draws=mirrored).p_above(-threshold)


MISSING = Statistic(math.nan, status="not measured")


@dataclasses.dataclass
class Condition:
    claim: str
    what: str  # network or family
    statistic: str
    found: Statistic
    relation: str  # "at least", "above", "below"
    threshold: float
    state: bool | None = None
    why: str = ""
    p: float = math.nan
    p_holm: float = math.nan


@dataclasses.dataclass
class Verdict:
    claim: str
    verdict: str
    possible: tuple  # the levels that open conditions leave
    conditions: list
    notes: list


@dataclasses.dataclass
class Evidence:
    """What is known of one data set: statistics by (statistic, network or family, d, measure), and its networks."""

    data_set: str
    statistics: dict
    networks: list
    dimension: dict  # d* by network, -1 if none
    trials: int
    smallest: int  # d of the grid
    basis: str = "intervals over trials and test points"
    values_alone: bool = False  # the intervals are reading errors

    def get(self, statistic, what, d=-1, measure=""):
        return self.statistics.get((statistic, what, d, measure), MISSING)

    @property
    def families(self):
        found = {}
        for network in self.networks:
            found.setdefault(family_of(network), []).append(network)
        return {family: members for family, members in found.items() if len(members) > 1}


def family_of(network):
    """The name before the size: "mlp" of "mlp-256"."""
    return network.rpartition("-")[0] or network


def size_of(network):
    tail = network.rpartition("-")[2]
    return int(tail) if tail.isdigit() else 0


# --- evidence


def of_results(folders):
    """Evidence by data set, of the results.h5 of several studies (a data set's MLPs and CNNs are two)."""
    found = {}
    for folder in folders:
        results = Results(folder)
        if "/table/statistic" not in results:
            raise ReportError(f"{folder}/results.h5 has no /table, made by an older hullscope; run: hullscope reduce STUDY.toml --force-new")
        evidence = found.setdefault(
            results.data_set, Evidence(results.data_set, {}, [], {}, len(results.trials), min(results.bottlenecks, default=0))
        )
        evidence.trials = min(evidence.trials, len(results.trials))
        for n, network in enumerate(results.networks):
            if network in evidence.networks:
                raise ReportError(f"{folder}: network {network} of {results.data_set} is in two of the given studies; name each once")
            evidence.networks.append(network)
            evidence.dimension[network] = int(results["/intrinsic_dimension/value"][n])
        evidence.statistics.update(read_table(results))
    return found


def read_table(results):
    """Rows of results.h5's /table that span trials, as Statistic."""
    columns = {
        name: results[f"/table/{name}"]
        for name in ("network", "trial", "space", "dimension", "measure", "statistic", "value", "lower", "upper", "trials",
                     "n_wrong", "degrees", "method", "status")
    }  # fmt: skip
    draws = dict(zip(map(int, results["/draws/row"]), results["/draws/value"])) if "/draws/row" in results else {}
    found = {}
    for row in range(len(columns["statistic"])):
        at = {name: column[row] for name, column in columns.items()}
        if at["trial"] >= 0 or str(at["space"]) not in ("", "latent"):
            continue
        key = (str(at["statistic"]), str(at["network"]), int(at["dimension"]), str(at["measure"]))
        found[key] = Statistic(float(at["value"]), float(at["lower"]), float(at["upper"]), int(at["n_wrong"]), int(at["trials"]),
                               str(at["method"]), str(at["status"]), float(at["degrees"]), draws.get(row))  # fmt: skip
    return found


def of_paper(rules):
    """Evidence by data set from the paper's plotted values: no intervals but their reading errors, no AUROC at all."""
    found = {}
    for (data_set, network), row in paper_networks().items():
        evidence = found.setdefault(
            data_set, Evidence(data_set, {}, [], {}, 10, row["bottleneck"][0], "the paper's values alone: intervals are reading errors", True)
        )
        evidence.networks.append(network)
        evidence.dimension[network] = smallest_dimension(row["bottleneck"], row["relative_accuracy"], rules["dimension"]["threshold"])
        for d, accuracy, inside in zip(row["bottleneck"], row["relative_accuracy"], row["fraction_in_hull"]):
            evidence.statistics["relative_accuracy", network, d, ""] = read_value(accuracy)
            evidence.statistics["fraction_inside", network, d, ""] = read_value(inside)
    for evidence in found.values():
        for family, members in evidence.families.items():
            rows = {network: paper_networks()[evidence.data_set, network] for network in members}
            evidence.statistics["log2_dimension_contrast", family, -1, ""] = paper_contrast(rows, rules["dimension"]["threshold"])
    return found


def read_value(value, error=READING_ERROR):
    return Statistic(value, value - error, value + error, trials=10, method="read from a figure")


def smallest_dimension(grid, values, threshold):
    for k, d in enumerate(grid):
        if all(v >= threshold for v in values[k:]):
            return d
    return -1


def interpolated_log2(grid, values, threshold):
    """As statistics::interpolated_log2_dimension: linear in log2 d, censored at the grid's ends."""
    d = smallest_dimension(grid, values, threshold)
    if d == -1 or d == grid[0]:
        return math.log2(grid[-1] if d == -1 else grid[0])
    k = grid.index(d)
    below, above = values[k - 1], values[k]
    share = (threshold - below) / (above - below)
    return math.log2(grid[k - 1]) + share * (math.log2(grid[k]) - math.log2(grid[k - 1]))


def paper_contrast(rows, threshold):
    order = sorted(rows, key=lambda name: (rows[name]["test_accuracy"], size_of(name)))
    worst, best = rows[order[0]], rows[order[-1]]

    def contrast(shift):
        of = lambda row, by: interpolated_log2(row["bottleneck"], [v + by for v in row["relative_accuracy"]], threshold)  # noqa: E731
        return of(best, shift) - of(worst, -shift)

    ends = sorted((contrast(READING_ERROR), contrast(-READING_ERROR)))
    return Statistic(contrast(0), ends[0], ends[1], trials=10, method="read from a figure")


# --- conditions


def condition(evidence, rules, claim, what, statistic, found, relation, threshold):
    made = Condition(claim, what, statistic, found, relation, threshold)
    if not math.isfinite(found.value):
        made.why = found.status
    elif claim == "d" and 0 <= found.n_wrong < rules["fewest_wrong"]:
        made.why = f"{found.n_wrong} wrong answers, fewer than {rules['fewest_wrong']}"
    elif not found.has_interval:
        made.why = f"{found.trials} trials, fewer than {rules['fewest_trials']}" if found.trials < rules["fewest_trials"] else "no interval"
    else:
        holds = {"at least": found.lower >= threshold, "above": found.lower > threshold, "below": found.upper < threshold}
        fails = {"at least": found.upper < threshold, "above": found.upper <= threshold, "below": found.lower >= threshold}
        made.state = True if holds[relation] else False if fails[relation] else None
        made.why = "" if made.state is not None else "the interval straddles the threshold"
        made.p = found.p_below(threshold) if relation == "below" else found.p_above(threshold)
    return made


def conditions_of(evidence, rules):
    """Every condition of every claim, Holm's correction over all that have a p value."""
    found = {claim: [] for claim in CLAIMS}
    add = lambda claim, *rest: found[claim].append(condition(evidence, rules, claim, *rest))  # noqa: E731
    for network in evidence.networks:
        a, c, prime, d = (rules[claim] for claim in ("a", "c", "c_prime", "d"))
        add("a", network, f"relative accuracy, d = {a['d']}", evidence.get(a["statistic"], network, a["d"]), "at least", a["at_least"])
        own = evidence.dimension[network]
        judged = any(key[:2] == (a["statistic"], network) and math.isfinite(found.value) for key, found in evidence.statistics.items())
        none = Statistic(math.nan, status="no dimension of the grid keeps the accuracy" if judged else "relative accuracy is not known")
        inside = evidence.get(c["statistic"], network, own) if own > 0 else none
        for threshold in (c["at_least"], c["at_least_partly"]):
            add("c", network, f"fraction inside, d* = {own}", inside, "at least", threshold)
        gain = evidence.get(prime["statistic"], network, own) if own > 0 else none
        add("c_prime", network, f"fraction inside minus PCA's, d* = {own}", gain, "above", 0.0)
        for part in ("d1", "d2", "d3"):
            rule = d[part]
            relation = "above" if "above" in rule else "below"
            for measure in d["measures"][:1]:
                statistic = evidence.get(rule["statistic"], network, latent_dimension(evidence, d), measure)
                add("d", network, f"{part}, {measure}", statistic, relation, rule[relation])
    for family in evidence.families:
        b = rules["b"]
        add("b", family, "log2 d*, best minus worst", evidence.get(b["statistic"], family), "below", 0.0)
    every = [c for claim in CLAIMS for c in found[claim]]
    holm(every, rules["alpha"])
    return found


def latent_dimension(evidence, rule):
    studied = {key[2] for key in evidence.statistics if key[0] == rule["d1"]["statistic"]}
    return rule["d"] if rule["d"] in studied or not studied else max(studied)


def holm(conditions, alpha):
    """Holm's step-down adjustment; a condition that holds by its interval but not after it is open."""
    tested = sorted((c for c in conditions if math.isfinite(c.p)), key=lambda c: c.p)
    largest = 0.0
    for k, c in enumerate(tested):
        largest = max(largest, min(1.0, c.p * (len(tested) - k)))
        c.p_holm = largest
        if c.state and largest > alpha:
            c.state, c.why = None, "holds by its interval, not after Holm's correction"


# --- verdicts


def half(states):
    return 2 * sum(states) >= len(states)


def large_enough(condition, rules):
    """Beside their interval, claims b and c' ask for an effect of some size. (A value without an interval says nothing by
    itself: it follows its state.)"""
    if not condition.found.has_interval:
        return True
    if condition.claim == "b":
        return condition.found.value <= rules["b"]["at_most"]
    return condition.claim != "c_prime" or condition.found.value > rules["c_prime"]["above"]


def level(claim, evidence, rules, conditions, states):
    """0 no, 1 partly, 2 yes, where every condition has come out as states says. Monotone in states."""
    if not conditions:
        return 0
    if claim == "a":
        bounded = all(0 < evidence.dimension[n] <= rules["a"]["largest_dimension"] for n in evidence.networks)
        return 2 if all(states) else 1 if half(states) or bounded else 0
    if claim == "b":
        large = [s and large_enough(c, rules) for s, c in zip(states, conditions)]
        enough = len(conditions) >= rules["b"]["families"]
        not_above = [s or not c.found.lower > 0 for s, c in zip(states, conditions)]
        if all(large) and enough:
            return 2
        return 1 if any(large) and all(not_above) else 0
    if claim == "c":
        most, some = states[0::2], states[1::2]  # a condition for each threshold, in turn
        return 2 if all(most) else 1 if half(most) or all(some) else 0
    if claim == "c_prime":
        return 2 if all(s and large_enough(c, rules) for s, c in zip(states, conditions)) else 0
    first, second, third = states[0::3], states[1::3], states[2::3]
    both = [a and b for a, b in zip(first, second)]
    return 2 if all(both) and all(third) else 1 if half(both) else 0


def judge(evidence, rules):
    """The verdicts of one data set, in the order of CLAIMS."""
    verdicts = []
    for claim, conditions in conditions_of(evidence, rules).items():
        ends = [
            level(claim, evidence, rules, conditions, [known(c, open_as) for c in conditions]) for open_as in (False, True)
        ]
        notes = []
        if claim == "b" and len(conditions) < rules["b"]["families"]:
            notes.append(f"{len(conditions)} of {rules['b']['families']} families studied")
            ends[1] = 2 if not conditions or ends[1] > 0 else 0  # what a family that is not there could make of it
        if claim == "b":
            ends_of_grid = [f for f, members in evidence.families.items() if all(evidence.dimension[n] == evidence.smallest for n in members)]
            notes += [f"{f}: every d* is the smallest d studied, so no difference could show" for f in ends_of_grid]
        asked = {"b": "at most {at_most:g}", "c_prime": "above {above:g}"}.get(claim, "").format(**rules[claim])
        notes += [f"{c.what}: {c.found.value:.4f}, not {asked}" for c in conditions if c.state and not large_enough(c, rules)]
        possible = LEVELS[ends[0] : ends[1] + 1]
        verdict = possible[0] if len(possible) == 1 else "undetermined"
        verdicts.append(Verdict(claim, verdict, possible, conditions, notes))
    return verdicts


def known(condition, open_as):
    return open_as if condition.state is None else condition.state


def over_all(verdicts):
    """One verdict over data sets: yes or no only if all agree."""
    if len(set(verdicts)) == 1:
        return verdicts[0]
    return "undetermined" if "undetermined" in verdicts else "partly"


def paper_exceptions():
    """What the paper's own supplement says against claim (d): mean z values over trials, by figure and size."""
    rows = []
    for figure, panel in paper_reference()["fig5_and_supplement"].items():
        z = panel["logit_z"]
        for size, in_hull, distance in zip(panel["sizes"], z["in_hull"], z["distance"]):
            rows.append((figure, panel["network"], panel["distance"], size, float(np.mean(in_hull)), float(np.mean(distance))))
    larger = [row for row in rows if abs(row[4]) > abs(row[5])]
    cifar = [row for row in rows if row[1].startswith("CIFAR")]
    return {
        "fits": len(rows),
        "in_hull_larger": [f"{r[1]} {r[3]}, {r[2]} (z {r[4]:.1f} against {r[5]:.1f})" for r in larger],
        "cifar_fits": len(cifar),
        "cifar_negative": sum(r[4] < 0 for r in cifar),
    }


# --- words


def as_dict(evidence, verdicts):
    def plain(c):
        row = {"what": c.what, "statistic": c.statistic, "relation": c.relation, "threshold": c.threshold,
               "value": c.found.value, "lower": c.found.lower, "upper": c.found.upper, "trials": c.found.trials,
               "n_wrong": c.found.n_wrong, "method": c.found.method, "p": c.p, "p_holm": c.p_holm,
               "state": {True: "holds", False: "fails", None: "open"}[c.state], "why": c.why}  # fmt: skip
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}

    return {"data_set": evidence.data_set, "basis": evidence.basis, "networks": evidence.networks, "trials": evidence.trials,
            "dimension": evidence.dimension,
            "verdicts": {v.claim: {"verdict": v.verdict, "possible": list(v.possible), "notes": v.notes,
                                   "conditions": [plain(c) for c in v.conditions]} for v in verdicts}}  # fmt: skip


def tally(verdict):
    """"conditions: 3 hold, 1 fails, 2 open (not measured)"."""
    states = [c.state for c in verdict.conditions]
    if not states:
        return "no condition could be looked at"
    held, failed = states.count(True), states.count(False)
    reasons = sorted({c.why for c in verdict.conditions if c.state is None and c.why})
    return (f"conditions: {held} hold{'s' if held == 1 else ''}, {failed} fail{'s' if failed == 1 else ''}, {states.count(None)} open"
            + (f" ({'; '.join(reasons)})" if reasons else ""))  # fmt: skip


def as_markdown(evidence, verdicts, rules):
    lines = [f"## {evidence.data_set}", "", f"Networks: {', '.join(evidence.networks)}. Trials: {evidence.trials}. Basis: {evidence.basis}.", "",
             "| claim | verdict | what decides |", "|---|---|---|"]  # fmt: skip
    for v in verdicts:
        words = v.verdict if v.verdict != "undetermined" else f"undetermined ({' or '.join(v.possible)})"
        lines.append(f"| {LABELS[v.claim]} {rules[v.claim]['claim']} | **{words}** | {'; '.join([tally(v), *v.notes])} |")
    lines += ["", "| | network | statistic | value | interval | needed | p (Holm) | |", "|---|---|---|---|---|---|---|---|"]
    for v in verdicts:
        for c in v.conditions:
            interval = f"{c.found.lower:.4f} ... {c.found.upper:.4f}" if c.found.has_interval else "–"
            value = f"{c.found.value:.4f}" if math.isfinite(c.found.value) else "–"
            p = f"{c.p_holm:.2g}" if math.isfinite(c.p_holm) else "–"
            state = {True: "holds", False: "fails", None: f"open: {c.why}"}[c.state]
            lines.append(f"| {LABELS[c.claim]} | {c.what} | {c.statistic} | {value} | {interval} | {c.relation} {c.threshold:g} | {p} | {state} |")
    return "\n".join(lines) + "\n"


def decide(folders, rules=None):
    """(Markdown, JSON-able) of the paper's own values and of the given studies."""
    rules = rules or read_rules()
    text, data = ["# The paper's own values by our rules\n"], {"paper": [], "ours": []}
    for evidence in of_paper(rules).values():
        verdicts = judge(evidence, rules)
        text.append(as_markdown(evidence, verdicts, rules))
        data["paper"].append(as_dict(evidence, verdicts))
    exceptions = data["exceptions"] = paper_exceptions()
    text.append(
        f"Against (d) in the paper's supplement: |z in_hull| > |z distance| in {len(exceptions['in_hull_larger'])} of {exceptions['fits']} "
        f"networks x measures ({'; '.join(exceptions['in_hull_larger'])}), and z in_hull is negative in {exceptions['cifar_negative']} of the "
        f"{exceptions['cifar_fits']} CIFAR-10 fits.\n"
    )
    if folders:
        text.append("# Ours\n")
        found = [(evidence, judge(evidence, rules)) for evidence in of_results(folders).values()]
        for evidence, verdicts in found:
            text.append(as_markdown(evidence, verdicts, rules))
            data["ours"].append(as_dict(evidence, verdicts))
        data["over_all"] = {claim: over_all([v[k].verdict for _, v in found]) for k, claim in enumerate(CLAIMS)}
        if len(found) > 1:
            text.append("Over all data sets: " + ", ".join(f"{LABELS[c]} {v}" for c, v in data["over_all"].items()) + ".\n")
    return "\n".join(text), json.loads(json.dumps(data))
