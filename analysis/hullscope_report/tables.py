"""The report's tables of what results.h5 holds."""

import numpy as np

from .long_table import of_trials, over_trials
from .pieces import Cell, count, number, p_value, with_interval
from .reference import paper_values
from .results import WRONG_FOR_AUROC, mean_over_trials
from .style import measure_name, space_name

MODELS = {"linear": "linear in distance", "spline": "spline of distance", "spline_norm": "spline, log activation norm",
          "spline_softmax": "spline, largest softmax"}  # fmt: skip


def accuracy(results, pieces):
    paper = paper_values(results)
    head = ["network", "trials", "test accuracy", "train accuracy", "wrong answers (mean)", "intrinsic dimension"]
    rows = []
    for n, network in enumerate(results.networks):
        intrinsic = int(results["/intrinsic_dimension/value"][n])
        row = [network, count(len(results.trials)),
               with_interval(results["/accuracy/test_mean"][n], results["/accuracy/test_interval"][n], 4),
               number(mean_over_trials(results["/accuracy/train"][n], 0), 4), number(results["/accuracy/wrong"][n].mean(), 1),
               Cell.of(str(intrinsic) if intrinsic > 0 else f"> {max(results.bottlenecks)}", intrinsic)]  # fmt: skip
        if paper:
            row.append(number(paper[network]["test_accuracy"], 3) if network in paper else "–")
        rows.append(row)
    return pieces.table(
        "accuracy",
        f"Accuracy on the {results.n_test:,} test points, mean over trials; intrinsic dimension: smallest d with mean relative "
        f"accuracy ≥ {results.threshold:g} there and at every larger d.",
        head + (["paper, accuracy"] if paper else []), rows, source="results.h5:/accuracy, /intrinsic_dimension/value")  # fmt: skip


def by_dimension(results, pieces, name, caption, mean, bounds, paper_key, source, digits=4):
    paper = paper_values(results)
    rows = []
    for n, network in enumerate(results.networks):
        rows.append([network] + [with_interval(mean[n, k], bounds[n, k], digits) for k in range(len(results.bottlenecks))])
        if network in paper and paper_key:
            known = dict(zip(paper[network]["bottleneck"], paper[network][paper_key]))
            rows.append([f"{network}, paper"] + [number(known.get(d), 3) for d in results.bottlenecks])
    return pieces.table(name, caption, ["network"] + [f"d = {d}" for d in results.bottlenecks], rows, source=f"results.h5:{source}")


def hulls(results, table, pieces):
    none = np.full((len(results.networks), len(results.bottlenecks), 2), np.nan)
    eps = float(results.attributes.get("eps", 0))
    parts = [
        by_dimension(results, pieces, "relative-accuracy", "Relative accuracy of the hybrid network, mean over trials.",
                     results["/relative_accuracy/mean"], results["/relative_accuracy/interval"], "relative_accuracy", "/relative_accuracy"),
        by_dimension(results, pieces, "inside", "Fraction of test points inside the hull of the training points, exact, mean over trials.",
                     results["/hull/mean"], results["/hull/interval"], "fraction_in_hull", "/hull"),
        by_dimension(results, pieces, "inside-eps", f"The same, counting points within {eps:.2g} of the scale as inside.",
                     mean_over_trials(results["/hull/within_eps"]), none, None, "/hull/within_eps"),
        by_dimension(results, pieces, "unexplained", "Unexplained variance of the autoencoder on the test activations, mean over trials.",
                     mean_over_trials(results["/unexplained_variance/test"]), none, None, "/unexplained_variance/test", 5),
    ]  # fmt: skip
    other = over_trials(table, "fraction_inside")
    other = other[other.space != "latent"]
    if len(other):
        rows = [[r.network, r.space, with_interval(r.value, (r.lower, r.upper), 4)] for r in other.itertuples()]
        parts.append(pieces.table("inside-spaces", "Fraction inside the hull in the neural space and in pixels (crossed-bootstrap intervals).",
                                  ["network", "space", "inside"], rows, 2, source="results.h5:/table, fraction_inside"))  # fmt: skip
    elif "/hull/neural_inside" in results:
        rows = [[w] + [number(v, 4) for v in results["/hull/neural_inside"][n]] for n, w in enumerate(results.networks)]
        parts.append(pieces.table("inside-spaces", "Fraction inside the hull in the neural space.",
                                  ["network"] + [f"trial {t}" for t in results.trials], rows, source="results.h5:/hull/neural_inside"))  # fmt: skip
    return "".join(parts)


def hull_distances(table, pieces):
    """How far outside the test points are; "" without projections."""
    mean, median = (over_trials(table, statistic) for statistic in ("mean_hull_distance", "median_hull_distance_outside"))
    if len(mean) == 0:
        return ""
    at = {(r.network, r.space, r.dimension, r.measure): r for r in median.itertuples()}
    rows = []
    for r in mean.itertuples():
        m = at[r.network, r.space, r.dimension, r.measure]
        hull = (r.measure.replace("_", " ") or "all training points") + (" †" if r.uses_label else "")
        rows.append([r.network, space_name(r.space, r.dimension), hull,
                     with_interval(r.value, (r.lower, r.upper), 4), with_interval(m.value, (m.lower, m.upper), 4), "" if m.status == "ok" else m.status])  # fmt: skip
    return pieces.table("hull-distances", "Distance to the hull, in units of the median distance of a training point to its nearest other one: mean over all test points (0 inside), "
                        "and median of those outside (Student’s t over trials). † uses the true label.", ["network", "space", "hull of", "mean", "median outside", "note"], rows, 3,
                        source="results.h5:/table, mean_hull_distance, median_hull_distance_outside")  # fmt: skip


def further_hulls(table, pieces, by_class=True):
    """Class hulls, subsets and left-out points as one table; "" if the study has none. by_class: each class by itself as well."""
    names = ("fraction_inside_class_hull", "fraction_inside_subset", "fraction_inside_left_out")
    rows = [[r.network, space_name(r.space, r.dimension), statistic.removeprefix("fraction_inside_").replace("_", " "),
             r.measure.replace("_", " ") + (" †" if r.uses_label else ""), with_interval(r.value, (r.lower, r.upper), 4), number(r.n, 0)]
            for statistic in names for r in over_trials(table, statistic).itertuples() if by_class or not r.measure.startswith("true_class_")]  # fmt: skip
    if not rows:
        return ""
    return pieces.table(
        "further-hulls", "Fraction inside the hull of a class, of a subset of the training points, and of training points left out of their own. † uses the true label.",
        ["network", "space", "hull", "which", "inside", "points asked"], rows, 4, source="results.h5:/table",
    )  # fmt: skip


def distances(results, pieces):
    head = ["network", "space", "measure", "uses the label", "AUROC (wrong against right)", "KS"]
    rows, weak = [], set()
    for n, network in enumerate(results.networks):
        for k, space in enumerate(results.spaces):
            for m, measure in enumerate(results.measures):
                if results["/accuracy/wrong"][n].min() < WRONG_FOR_AUROC:
                    weak.update({(len(rows), 4), (len(rows), 5)})
                rows.append([network, space, measure_name(measure), "yes: explains only" if "true_class" in measure else "no",
                             number(mean_over_trials(results["/auroc"][n, :, k, m], 0), 3),
                             number(mean_over_trials(results["/ks/statistic"][n, :, k, m], 0), 3)])  # fmt: skip
    return pieces.table("distances", "Does distance to the nearest training point tell wrong answers from right ones? Means over trials.",
                        head, rows, 4, weak, source="results.h5:/auroc, /ks/statistic")  # fmt: skip


def logits(results, pieces, kind, caption):
    terms, restrictions = [str(t) for t in results["/term"]], [str(r) for r in results["/restriction"]]
    head = ["network", "measure", "trial"] + [f"z {t.replace('_', ' ')}" for t in terms if t != "intercept"]
    likelihood = kind == "standardised"
    if likelihood:
        head += [f"p, {r}" for r in restrictions]
    head.append("fit")
    rows = []
    for n, network in enumerate(results.networks):
        for m, measure in enumerate(results.measures):
            for t, trial in enumerate(results.trials):
                z = results[f"/logit/{kind}/z"][n, t, m]
                row = [network, measure.replace("_", " "), str(trial)]
                row += [number(z[k], 2) for k, term in enumerate(terms) if term != "intercept"]
                if likelihood:
                    row += [p_value(v) for v in results["/logit/likelihood_ratio_p"][n, t, m]]
                rows.append(row + [str(results["/logit/status"][n, t, m])])
    return pieces.table(f"logit-{kind}", caption, head, rows, 2, source=f"results.h5:/logit/{kind}")


def likelihood_summary(results, pieces):
    """Over trials: how often each nested model is rejected."""
    restrictions = [str(r) for r in results["/restriction"]]
    rows = []
    for n, network in enumerate(results.networks):
        for m, measure in enumerate(results.measures):
            p = results["/logit/likelihood_ratio_p"][n, :, m]
            row = [network, measure_name(measure)]
            for k in range(len(restrictions)):
                known = p[np.isfinite(p[:, k]), k]
                row += [p_value(np.median(known) if len(known) else np.nan), f"{(known < 0.05).sum()} of {len(known)}"]
            rows.append(row)
    head = ["network", "measure"] + [h for r in restrictions for h in (f"{r}: median p", "trials with p < 0.05")]
    return pieces.table("likelihood-ratio", "Likelihood-ratio tests against the full logit, 2 degrees of freedom, trial by trial: is it worse without the hull’s terms, and without those of distance?",
                        head, rows, 2, source="results.h5:/logit/likelihood_ratio_p")  # fmt: skip


def pooled_logits(table, pieces):
    terms = ("distance", "in_hull", "interaction")
    found = {(r.network, r.measure, r.statistic): r for r in over_trials(table).itertuples() if r.statistic.startswith("pooled_logit_")}
    rows = []
    for network, measure in dict.fromkeys((k[0], k[1]) for k in found):
        of = [found[network, measure, f"pooled_logit_{t}"] for t in terms]
        cells = [c for r in of for c in (with_interval(r.value, (r.lower, r.upper), 2), p_value(r.p))]
        rows.append([network, measure_name(measure), *cells, number(of[0].trials, 0), of[0].status])
    if not rows:
        return ""
    head = ["network", "measure"] + [h for t in terms for h in (t.replace("_", " "), "p")] + ["trials", "fit"]
    return pieces.table("logit-pooled", "All trials at once: log odds of a right answer per standard deviation of distance, inside against outside, and their interaction; each trial has its own "
                        "intercept, standard errors are clustered by test point (Wald intervals).", head, rows, 2, source="results.h5:/table, pooled_logit_TERM")  # fmt: skip


def hull_effects(table, pieces):
    """Sensitivity: what the hull adds under other models of distance."""
    found = {(r.network, r.measure, r.statistic.removeprefix("in_hull_effect_")): r for r in over_trials(table).itertuples() if r.statistic.startswith("in_hull_effect_")}
    rows = []
    for network, measure in dict.fromkeys((k[0], k[1]) for k in found):
        of = [found.get((network, measure, model)) for model in MODELS]
        rows.append([network, measure_name(measure)] + ["–" if r is None else with_interval(r.value, (r.lower, r.upper), 4) for r in of])
    if not rows:
        return ""
    return pieces.table("hull-effect", "Average difference in the chance of a right answer between inside and outside at the same distance, under models that differ in the curve of distance and in what else they know (Student-t intervals over trials).",
                        ["network", "measure", *MODELS.values()], rows, 2, source="results.h5:/table, in_hull_effect_MODEL")  # fmt: skip


def firth_logits(table, pieces):
    rows = []
    for term in ("distance", "in_hull", "interaction"):
        for r in of_trials(table, f"firth_logit_{term}").itertuples():
            rows.append([r.network, measure_name(r.measure), str(r.trial), term.replace("_", " "), with_interval(r.value, (r.lower, r.upper), 2), p_value(r.p),
                         r.status.removeprefix("beside maximum likelihood: ")])  # fmt: skip
    if not rows:
        return ""
    return pieces.table("logit-firth", "Firth’s logit, where maximum likelihood diverges or a cell of right × inside has fewer than 10 points: log odds (distance centred and scaled), Wald intervals.",
                        ["network", "measure", "trial", "term", "log odds", "p", "why"], sorted(rows), 2, source="results.h5:/table, firth_logit_TERM")  # fmt: skip


def dimensions(table, pieces):
    found = over_trials(table, "intrinsic_dimension")
    if len(found) == 0:
        return ""
    estimators = list(dict.fromkeys(found.measure))
    rows = []
    for (network, space, d), own in found.groupby(["network", "space", "dimension"], sort=False):
        of = {r.measure: r for r in own.itertuples()}
        rows.append([network, space_name(space, d)] +
                    ["–" if e not in of else with_interval(of[e].value, (of[e].lower, of[e].upper), 2) for e in estimators])  # fmt: skip
    return pieces.table("dimensions", "Intrinsic dimension by other estimators, of the same points; no agreement with the autoencoder’s is expected.",
                        ["network", "space", *(e.replace("_", " ") for e in estimators)], rows, 2, source="results.h5:/table, intrinsic_dimension")  # fmt: skip


def study_options(results, pieces):
    rows = []

    def walk(prefix, node):
        for key, value in node.items():
            if isinstance(value, dict):
                walk(f"{prefix}{key}.", value)
            elif key == "network" and isinstance(value, list):
                rows.extend([f"network {item.get('name')}", " – ".join(map(str, item.get("layers", [])))] for item in value)
            else:
                rows.append([prefix + key, ", ".join(map(str, value)) if isinstance(value, list) else str(value)])

    walk("", results.study)
    return pieces.table("options", "The study as it was run.", ["key", "value"], rows, 2, source="study.toml", wrap=True)
