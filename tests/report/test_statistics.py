"""Intervals against closed forms: two-way bootstrap, Wilson floor, interquartile mean, paired differences."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from energyflow.config.sections import ReportParams
from energyflow.core.errors import UserError
from energyflow.report.claims import ratio
from energyflow.report.comparisons import improvement, paired, paired_change, wins
from energyflow.report.statistics import Cell, cell, draw_seeds, draw_states, estimate, iqm, replicate, wilson


def make(scores: np.ndarray) -> Cell:
    seeds, states = scores.shape
    return Cell(scores.astype(float), tuple(range(seeds)), tuple(range(states)))


def test_the_variance_of_the_resamples_is_the_closed_form_of_the_two_way_bootstrap() -> None:
    # Multinomial weights w of seeds and v of states, independent: E[w_i w_j] = 1 - 1/S + [i = j], likewise v.
    rng = np.random.default_rng(1)
    x = (rng.random((3, 25)) < rng.random((1, 25))).astype(float)
    params = ReportParams(confidence=0.95, bootstrap=60_000, seed=0)
    samples = replicate(make(x), draw_seeds(3, params, "a"), draw_states(25, params, "a")).mean(axis=1)
    d = x - x.mean()
    n_seeds, n_states = x.shape
    by_seed = (1 - 1 / n_states) * (d.sum(axis=1) ** 2).sum()
    by_state = (1 - 1 / n_seeds) * (d.sum(axis=0) ** 2).sum()
    expected = (by_seed + by_state + (d**2).sum()) / (n_seeds * n_states) ** 2
    assert samples.mean() == pytest.approx(x.mean(), abs=3 * np.sqrt(expected / 60_000))
    assert samples.var() == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(("seeds", "seed_sd", "state_sd"), [(3, 0.0, 0.0), (3, 0.0, 1.5), (3, 0.6, 1.5), (5, 0.6, 1.5)])
def test_intervals_cover_the_truth_as_often_as_they_say(seeds: int, seed_sd: float, state_sd: float) -> None:
    """Bernoulli rows whose log-odds have a seed effect and a state effect, drawn anew each time."""
    rng = np.random.default_rng(7)

    def probability(rows: int, columns: int) -> np.ndarray:
        by_seed, by_state = rng.standard_normal((rows, 1)), rng.standard_normal((1, columns))
        return np.asarray(1 / (1 + np.exp(-1 - seed_sd * by_seed - state_sd * by_state)))

    truth = float(probability(4000, 1000).mean())
    params = ReportParams(confidence=0.95, bootstrap=200, seed=0)
    trials, hits = 250, 0
    for trial in range(trials):
        x = rng.random((seeds, 25)) < probability(seeds, 25)
        value = estimate([make(x)], params, f"trial {trial}")
        hits += value.low <= truth <= value.high
    assert hits / trials >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / trials)


def test_with_one_seed_the_interval_is_close_to_the_binomial_one() -> None:
    x = np.zeros((1, 400))
    x[0, :300] = 1
    value = estimate([make(x)], ReportParams(confidence=0.95, bootstrap=5_000, seed=0), "one seed")
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert value.mean == 0.75
    assert value.low == pytest.approx(0.75 - half, abs=0.006)
    assert value.high == pytest.approx(0.75 + half, abs=0.006)


def test_wilson_against_numbers_worked_out_by_hand() -> None:
    # n = 75, no failure: n / (n + z^2) with z = 1.959964.
    assert wilson(75, 75, 0.95) == (pytest.approx(75 / (75 + 1.959964**2)), 1.0)
    assert wilson(0, 75, 0.95) == (0.0, pytest.approx(1.959964**2 / (75 + 1.959964**2)))
    assert wilson(5, 10, 0.95) == (pytest.approx(0.2366, abs=1e-4), pytest.approx(0.7634, abs=1e-4))


def test_equal_rows_do_not_give_an_interval_of_no_width(report: ReportParams) -> None:
    perfect = estimate([make(np.ones((3, 25)))], report, "perfect")
    nearly = np.ones((3, 25))
    nearly[0, 0] = 0
    worse = estimate([make(nearly)], report, "nearly")
    assert (perfect.mean, perfect.high) == (1.0, 1.0)
    assert perfect.low == pytest.approx(75 / (75 + 1.959964**2))
    assert worse.low < perfect.low, "one failure must not make the lower end better"
    assert estimate([make(np.zeros((3, 25)))], report, "failed").high == pytest.approx(1 - perfect.low)


def test_the_interquartile_mean_drops_the_outer_quarters() -> None:
    assert iqm(np.array([0.0, 100.0, 4.0, 8.0, 5.0, 7.0, 6.0, -50.0])) == pytest.approx((4 + 5 + 6 + 7) / 4)
    assert iqm(np.array([1.0, 2.0, 9.0])) == pytest.approx(4.0)  # floor(3 / 4) = 0 are dropped
    scores = [np.full((1, 10), float(v)) for v in (0, 1, 1, 1)]
    params = ReportParams(confidence=0.95, bootstrap=200, seed=0)
    assert estimate([make(s) for s in scores], params, "iqm", "iqm").mean == 1.0
    assert estimate([make(s) for s in scores], params, "mean").mean == 0.75


def test_tasks_weigh_equally_in_a_mean(report: ReportParams) -> None:
    value = estimate([make(np.ones((3, 40))), make(np.zeros((3, 10)))], report, "unequal")
    assert (value.mean, value.n, value.seeds) == (0.5, 150, 3)


def test_a_paired_difference_has_the_sign_of_first_minus_second_and_uses_the_pairing(
    report: ReportParams,
) -> None:
    rng = np.random.default_rng(3)
    hard = rng.random((1, 60)) < 0.5
    first = np.repeat(hard, 3, axis=0).astype(float)
    second = first.copy()
    second[:, np.flatnonzero(hard[0])[:12]] = 0  # worse on a fifth of the states
    value = paired([(make(first), make(second))], report, "pair")
    assert value.mean == pytest.approx(0.2)
    assert value.low > 0
    flipped = paired([(make(second), make(first))], report, "pair")
    assert flipped.mean == -value.mean
    assert flipped.high < 0
    # Unpaired, the width would come from p (1 - p) / n of both: the pairing removes what both have in common.
    unpaired = 2 * 1.96 * np.sqrt(first.mean() * 0.5 / 60 + second.mean() * (1 - second.mean()) / 60)
    assert value.high - value.low < unpaired


def test_a_paired_interval_is_that_of_the_differences() -> None:
    # Scores between 0 and 1, for which no floor applies: mean d +- 1.96 sd(d) / sqrt(n) with one seed.
    rng = np.random.default_rng(5)
    common = 0.5 * rng.random((1, 200))
    first, second = common + 0.3 + 0.1 * rng.random((1, 200)), common + 0.1 * rng.random((1, 200))
    value = paired([(make(first), make(second))], ReportParams(confidence=0.95, bootstrap=5_000, seed=0), "d")
    d = first - second
    half = 1.96 * d.std() / np.sqrt(200)
    assert value.low == pytest.approx(d.mean() - half, abs=0.1 * half)
    assert value.high == pytest.approx(d.mean() + half, abs=0.1 * half)


def test_a_paired_difference_of_equal_rows_is_zero_with_an_honest_interval(report: ReportParams) -> None:
    same = make(np.ones((3, 25)))
    value = paired([(same, same)], report, "same")
    assert (value.mean, value.low) == (0.0, -value.high)
    assert value.high == pytest.approx(1.959964**2 / (75 + 1.959964**2))


def test_a_change_of_a_difference_is_exact_and_its_interval_that_of_the_differences_of_differences() -> None:
    # Scores that are not binary, of one seed: d = (a - b) - (c - e), mean d +- 1.96 sd(d) / sqrt(n).
    rng = np.random.default_rng(6)
    a, b, c, e = (0.2 + 0.2 * i + 0.1 * rng.random((1, 200)) for i in (3, 1, 2, 1))
    params = ReportParams(confidence=0.95, bootstrap=5_000, seed=0)
    value = paired_change([(make(a), make(b))], [(make(c), make(e))], params, "change")
    d = (a - b) - (c - e)
    half = 1.96 * d.std() / np.sqrt(200)
    assert value.mean == pytest.approx(d.mean())
    assert value.low == pytest.approx(d.mean() - half, abs=0.1 * half)
    assert value.high == pytest.approx(d.mean() + half, abs=0.1 * half)
    assert (value.n, value.seeds) == (200, 1)


def test_a_change_takes_what_checkpoints_and_states_share_out() -> None:
    """Where every checkpoint loses the same states, nothing has changed, however much both lose."""
    rng = np.random.default_rng(8)
    first, second = (rng.random((3, 40)) < p for p in (0.9, 0.6))
    lost = np.arange(40) < 20
    now = [(make(first & ~lost), make(second & ~lost))]
    params = ReportParams(confidence=0.95, bootstrap=400, seed=0)
    value = paired_change(now, [(make(first), make(second))], params, "lost")
    expected = (first & lost).mean() - (second & lost).mean()
    assert value.mean == pytest.approx(-expected)
    nothing = paired_change(now, now, params, "nothing")
    assert (nothing.mean, nothing.low) == (0.0, -nothing.high)


def test_a_change_of_equal_rows_has_the_floor_of_both_differences(report: ReportParams) -> None:
    same = make(np.ones((3, 25)))
    value = paired_change([(same, same)], [(same, same)], report, "same")
    one = 1.959964**2 / (75 + 1.959964**2)  # of a single difference, as above
    assert value.high == pytest.approx(np.hypot(one, one))


def test_a_change_is_of_the_same_checkpoints(report: ReportParams) -> None:
    a, b = make(np.ones((2, 5))), Cell(np.ones((2, 5)), (3, 4), tuple(range(5)))
    with pytest.raises(UserError, match="seeds differ"):
        paired_change([(a, a)], [(b, a)], report, "others")


def test_a_ratio_against_the_delta_method() -> None:
    # log(x / y) has variance var(x) / (n mean(x)^2) + var(y) / (m mean(y)^2) to first order.
    rng = np.random.default_rng(9)
    x, y = 2 + 0.4 * rng.standard_normal(400), 1 + 0.1 * rng.standard_normal(300)
    value = ratio(x, y, ReportParams(confidence=0.95, bootstrap=5_000, seed=0), "ratio")
    expected = x.mean() / y.mean()
    half = 1.96 * expected * np.sqrt(x.var() / (400 * x.mean() ** 2) + y.var() / (300 * y.mean() ** 2))
    assert value.mean == pytest.approx(expected)
    assert value.low == pytest.approx(expected - half, abs=0.1 * half)
    assert value.high == pytest.approx(expected + half, abs=0.1 * half)


def test_pairs_are_matched_by_state_and_not_by_position(report: ReportParams) -> None:
    a = Cell(np.array([[1.0, 0.0, 1.0]]), (0,), (5, 6, 7))
    b = Cell(np.array([[0.0, 1.0, 1.0]]), (0,), (6, 7, 8))
    assert paired([(a, b)], report, "matched").mean == 0.0  # states 6 and 7 are in both, with equal outcomes
    with pytest.raises(UserError, match="no initial state in common"):
        paired([(a, Cell(b.scores, b.seeds, (1, 2, 3)))], report, "disjoint")


def test_the_same_rows_and_seed_give_the_same_numbers_and_another_seed_others() -> None:
    x = make(np.random.default_rng(0).random((3, 25)) < 0.6)
    params = ReportParams(confidence=0.9, bootstrap=300, seed=4)
    assert estimate([x], params, "a") == estimate([x], params, "a")
    assert estimate([x], params, "a") != estimate([x], params.model_copy(update={"seed": 5}), "a")
    wider = params.model_copy(update={"confidence": 0.99})
    assert estimate([x], wider, "a").low < estimate([x], params, "a").low


def test_cells_are_seeds_by_states_whatever_the_order_of_the_rows() -> None:
    rows = pd.DataFrame({"seed": [1, 0, 1, 0], "env_seed": [8, 9, 9, 8], "success": [1.0, 0.0, 0.0, 1.0]})
    found = cell(rows)
    assert (found.seeds, found.states) == ((0, 1), (8, 9))
    np.testing.assert_array_equal(found.scores, [[1, 0], [1, 0]])
    with pytest.raises(UserError, match="appears twice"):
        cell(pd.concat([rows, rows]))


def test_an_incomplete_cell_uses_the_rows_it_has(report: ReportParams) -> None:
    x = np.array([[1.0, 1.0, np.nan, np.nan], [0.0, 0.0, 0.0, 0.0]])
    value = estimate([Cell(x, (0, 1), (0, 1, 2, 3))], report, "incomplete")
    assert (value.mean, value.n) == (0.5, 6)
    assert np.isfinite([value.low, value.high]).all()


def test_the_probability_of_improvement_counts_pairs_of_runs_and_ties_by_half(report: ReportParams) -> None:
    assert wins(np.array([0.9, 0.5]), np.array([0.5, 0.1])) == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    strong, weak = make(np.array([[1, 1, 1, 0], [1, 1, 0, 0]])), make(np.array([[1, 1, 0, 0], [0, 0, 0, 0]]))
    value = improvement([(strong, weak), (weak, strong)], report, "symmetric")
    assert value.mean == pytest.approx(0.5)
    assert improvement([(strong, weak)], report, "one task").mean == pytest.approx(0.875)


def test_a_few_runs_that_all_win_are_not_certain(report: ReportParams) -> None:
    best, worst = make(np.ones((3, 25))), make(np.zeros((3, 25)))
    value = improvement([(best, worst)] * 2, report, "extreme")
    assert (value.mean, value.high, value.n) == (1.0, 1.0, 6)
    assert value.low == pytest.approx(wilson(6, 6, report.confidence)[0])


def test_a_difference_of_nothing_is_nothing(report: ReportParams) -> None:
    """Three tasks whose differences, 0.1 + 0.2 - 0.3, are nothing: no side of 0 for a verdict, and no sign."""
    levels = ((0.1, 0.0), (0.2, 0.0), (0.0, 0.3))
    pairs = [tuple(Cell(np.full((2, 1), level), (0, 1), (0,)) for level in pair) for pair in levels]
    assert np.mean([a.seed_means.mean() - b.seed_means.mean() for a, b in pairs]) != 0.0
    value = paired([(a, b) for a, b in pairs], report, "nothing")
    assert (value.mean, np.signbit(value.mean)) == (0.0, False)
    assert value.low <= 0.0 <= value.high
