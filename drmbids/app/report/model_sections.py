"""Sections on the model: its graph, hemodynamics, parameters, training and recovery."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from drmbids.app.report.folder import Analysis
from drmbids.app.report.numbers import format_value
from drmbids.app.report.page import Section
from drmbids.app.report.svg import FigureFolder
from drmbids.compare.drawing.brain_graph import brain_graph
from drmbids.compare.drawing.event_responses import MOST_REGIONS, event_responses
from drmbids.compare.drawing.hrfs import hrfs
from drmbids.compare.drawing.recovery import recovery
from drmbids.compare.drawing.training_curve import training_curve
from drmbids.compare.inference.event_responses import response_peaks

#: Seconds between which hemodynamic responses were seen to peak, over subjects and regions
#: (Handwerker et al. 2004, NeuroImage 21:1639-1651).
USUAL_PEAKS_S = (2.5, 8.0)

#: Regions whose share of the model in predictions is listed.
MOST_SHARES = 12


def fill_models(section: Section, analysis: Analysis, figures: FigureFolder) -> None:
    """Graph of each brain and the schedule it is computed in."""
    models = analysis.inputs.get("fitted", [])
    if not models:
        section.missing = "No model was recorded."
        return
    tables = analysis.model_tables("connections")
    for model in models:
        name = str(model.get("name"))
        section.facts(
            {
                "Model": analysis.titles.get(name, name),
                **({"In tables": name} if analysis.titles.get(name, name) != name else {}),
                **({"Description": model["description"]} if model.get("description") else {}),
                "Populations": len(model.get("populations", [])),
                "Trainable parameters": model.get("n_parameters"),
                **_shares(model.get("dynamic_share", {})),
                "Resolution (s)": model.get("resolution"),
                "Seed": model.get("seed"),
            }
        )
        connections = tables.get(name)
        if connections is None:
            connections = pd.DataFrame(columns=["source", "target", "delay_s", "weight_mean"])
            section.note("The connections were not saved, so the graph shows populations alone.")
        figure = brain_graph(model.get("populations", []), connections, model.get("stimuli", {}))
        content, file = figures.save(figure, f"{analysis.stem}_desc-{name}graph_bold")
        caption = f"Stimuli (square), populations (round) and connections of {name}."
        section.figure(content, caption, file)
        if model.get("schedule"):
            section.code(str(model["schedule"]), "Schedule of the computation")


def _shares(of_regions: Mapping[str, float]) -> dict[str, str]:
    """Say how much of predictions that are averaged with a linear model is the model's own."""
    if not of_regions:
        return {}
    largest = sorted(of_regions.items(), key=lambda item: -item[1])
    listed = ", ".join(f"{region} {format_value(share)}" for region, share in largest[:MOST_SHARES])
    more = len(largest) - MOST_SHARES
    rest = f", and {more} more regions below" if more > 0 else ""
    return {
        "Share in predictions": f"{listed}{rest} (0: a linear model without dynamics serves "
        "left-out data best; 1: this model alone does)"
    }


def fill_responses(section: Section, analysis: Analysis, figures: FigureFolder) -> None:
    """Predicted responses to the events of each condition, beside averages around events."""
    averages = analysis.model_tables("averages")
    for model, table in analysis.model_tables("responses").items():
        content, file = figures.save(
            event_responses(table, averages.get(model), conditions=analysis.conditions),
            f"{analysis.stem}_desc-{model}responses_bold",
        )
        more = table["region"].nunique() - MOST_REGIONS
        rest = f" The table has {more} more regions." if more > 0 else ""
        caption = (
            f"{model}, fitted on all runs, mean over the voxels of each region. Left: predicted "
            "response to a single event of each condition, brief and as a block. Right: measured "
            "(dots) and predicted (lines) series averaged around the events that were shown, "
            f"responses to their neighbours included.{rest}"
        )
        section.figure(content, caption, file)
        section.table(response_peaks(table), f"Peaks of the left-hand side, {model}.", folded=True)
    if not section.blocks:
        section.missing = "No response to events was saved: there are none, or of many conditions."


def fill_hrfs(section: Section, analysis: Analysis, figures: FigureFolder) -> None:
    """Hemodynamic response functions of each model that has one."""
    truth = analysis.table("desc-truth_hrf")
    for model, table in analysis.model_tables("hrf").items():
        if model == "truth":
            continue
        if table.empty:
            section.note(
                f"The hemodynamics of {model} are no response function: see its parameters."
            )
            continue
        figure = hrfs(table, truth)
        content, file = figures.save(figure, f"{analysis.stem}_desc-{model}hrf_bold")
        caption = (
            f"Hemodynamic response functions of {model} (colour) and the canonical ones of SPM "
            "and Glover (1999) for reference (dashed, grey)."
        )
        section.figure(content, caption, file)
        _note_odd_peaks(section, table)
    if not section.blocks:
        section.missing = "No hemodynamic response function was saved."


def _note_odd_peaks(section: Section, table: pd.DataFrame) -> None:
    """Say so where a response peaks at a time that is not known of hemodynamics."""
    peaks = table.loc[table.groupby("region", sort=False)["hrf"].idxmax()]
    early, late = USUAL_PEAKS_S
    odd = peaks[(peaks["time_s"] < early) | (peaks["time_s"] > late)]
    if len(odd):
        first = odd.iloc[0]
        others = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
        section.note(
            f"The response of {first['region']}{others} peaks at {first['time_s']:.1f} s; most "
            f"measured ones peak between {early:g} and {late:g} s. Slow populations and a fast "
            "response predict alike: read the two together, or keep one fixed in the model file "
            "(hrf: {trainable: false})."
        )


def fill_parameters(section: Section, analysis: Analysis) -> None:
    """Parameters and connections of the models fitted on all runs."""
    for model, table in analysis.model_tables("parameters").items():
        caption = f"Parameters of {model}, fitted on all runs."
        section.table(table, caption, folded=len(table) > 25)
    for model, table in analysis.model_tables("connections").items():
        caption = f"Connections of {model}; means and norms over the weights of each."
        section.table(table, caption, folded=len(table) > 25)
    if not section.blocks:
        section.missing = "No parameter was saved: no model was fitted on all runs."


def fill_training(section: Section, analysis: Analysis, figures: FigureFolder) -> None:
    """Loss over epochs."""
    for model, log in analysis.model_tables("traininglog").items():
        content, file = figures.save(
            training_curve(log), f"{analysis.stem}_desc-{model}training_bold"
        )
        caption = f"Loss of {model} by epoch, fitted on all runs."
        if "seconds" in log:
            caption += f" {log['epoch'].max()} epochs took {log['seconds'].sum():.3g} s."
        section.figure(content, caption, file)
    if not section.blocks:
        section.missing = "No training log was saved: no model was trained by gradient descent."


def fill_recovery(section: Section, analysis: Analysis, figures: FigureFolder) -> None:
    """Estimates beside the truth of simulated data."""
    table = analysis.table("desc-recovery_scores")
    if table is None:
        return
    found = np.isfinite(table["estimate"].astype(float))
    if found.any():
        content, file = figures.save(recovery(table), f"{analysis.stem}_desc-recovery_bold")
        section.figure(content, "Estimate against truth; on the dashed line they are equal.", file)
    if not found.all():
        names = ", ".join(dict.fromkeys(table.loc[~found, "name"].astype(str)))
        section.note(
            f"The fitted model has no estimate of {names}: the data were simulated with "
            "populations, connections or regions of these names, and it has none that are called "
            "so. Give regions and populations the names of the truth to compare them."
        )
    section.table(table, "Estimates beside the truth.", folded=len(table) > 25)
