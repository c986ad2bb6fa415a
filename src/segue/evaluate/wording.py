"""What a report says in words: headings, how it was measured, who won. Both pages for people take them from here."""

from collections.abc import Mapping
from typing import Any

from segue.evaluate.metrics import GAINS
from segue.evaluate.results import BEYOND

__all__ = ["BEYOND_HEADINGS", "HEADINGS", "beyond_said", "listed", "method", "signed", "winning"]

ACRONYMS = ("mrr", "ndcg")


def _heading(name: str) -> str:
    kind, _, k = name.partition("@")
    return f"{kind.upper() if kind in ACRONYMS else kind.capitalize()}@{k}"


HEADINGS = {gain: _heading(gain) for gain in GAINS}
BEYOND_HEADINGS = {name: _heading(name) for name in BEYOND}


def signed(estimate: Mapping[str, Any]) -> str:
    """A difference with its interval."""
    return f"{estimate['value']:+.4f} ({estimate['low']:+.4f} to {estimate['high']:+.4f})"


def listed(pairs: Mapping[str, Any]) -> str:
    """Names and values on one line."""
    return ", ".join(f"{name} {value}" for name, value in pairs.items())


def winning(figures: Mapping[str, Any]) -> str:
    """Who ranks best and by how much; empty where only one model was measured."""
    won = figures["winner"]
    if won is None:
        return ""
    gain = won["ndcg@20"]
    share = "" if gain["relative"] is None or gain["relative"] > 1 else f", {gain['relative']:+.1%}"
    doubt = {"better": "", "same": " That is the same within 5 %.", "undecided": " That is not decided here."}
    return (
        f"By NDCG@20 the best of all is {won['model']}; it beats the next, {won['next']}, by {signed(gain)}{share}."
        + doubt.get(gain["verdict"], "")
    )


def beyond_said(figures: Mapping[str, Any]) -> list[str]:
    """What each number beyond accuracy is."""
    heard, basis = figures["of_targets"], figures["variety_basis"]
    variety = {
        "sound": "1 − the mean cosine between the sounds of a top 20",
        "artists": "the share of distinct artists in a top 20, there being no vectors",
        "": "not known: there are neither vectors nor artists",
    }
    truly = {name: "–" if value is None else f"{value:.4g}" for name, value in heard.items()}
    return [
        "Coverage is the share of the catalogue that stands in at least one top 20; Gini tells how unevenly they fall "
        "on it (0: all tracks alike).",
        f"Novelty is the mean −log2 of a track's share of plays in TRAIN (the tracks that truly came: "
        f"{truly['novelty']} bits), popularity the mean of ln(1 + plays) (truly: {truly['popularity']}).",
        f"Variety is {variety[basis]}.",
        f"Skips@k is the share of skips among the targets that a model had in its top k, as far as outcomes are known "
        f"(all targets: {truly['skips']}).",
    ]


def method(figures: Mapping[str, Any]) -> list[str]:
    """How it was measured, a sentence or two a line."""
    task, drawn = figures["task"], figures["intervals"]
    order = "time" if task["order"] == "played_at" else "position"
    several = [name for name, model in figures["models"].items() if model["seeds"]["fits"] > 1]
    luck = (
        f"For {', '.join(several)} each draw takes one of {figures['settings']['seeds']} fits first, so that intervals "
        "hold the luck with the seed too."
        if several
        else "They cover who happened to be measured, not a model's luck with its seed: --seeds 5 adds that."
    )
    return [
        f"Split: {task['split']['rule']}.",
        f"Order: {order}, then TRAIN before TEST, then row number.",
        f"Of {task['catalogue']} tracks, {task['catalogue_in_train']} are in TRAIN; "
        f"{task['catalogue_with_vector']} have a vector.",
        "Ranks are over the whole catalogue, nothing sampled and nothing filtered; a tie counts against the model; "
        "NaN counts as minus infinity.",
        f"Intervals: {drawn['draws']} draws of whole clusters ({drawn['clusters']} × {drawn['unit']})"
        + (f"; {drawn['note']}" if drawn["note"] else "")
        + f". {luck}",
        f"Settings: {listed({**figures['settings'], 'models': ' '.join(figures['models'])})}.",
        f"Versions: {listed(figures['versions'])}.",
    ]
