"""Score maps of surfaces, grayordinates and parcels."""

import numpy as np

from drmbids.app.report.folder import Analysis
from drmbids.app.report.images import load_mesh, surface_values
from drmbids.app.report.page import Section
from drmbids.app.report.svg import FigureFolder
from drmbids.compare.drawing.score_map import color_limits
from drmbids.compare.drawing.surface_map import surface_map


def fill_surface_maps(section: Section, analysis: Analysis, figures: FigureFolder) -> None:
    """Scores on the meshes that were found among the inputs, and differences with the baseline."""
    geometry = analysis.inputs.get("geometry") or {}
    paths = {m: p for m in analysis.models if (p := analysis.score_map_path(m))}
    values = {model: surface_values(path) for model, path in paths.items()}
    values = {m: v for m, v in values.items() if v and set(v) <= set(geometry)}
    if not values:
        section.note(
            "Scores of these data are not drawn in space: parcels have no place on a mesh, and for "
            "other data no surface (*.surf.gii) with as many vertices was found in the folders "
            "anat of the datasets. The histogram under Scores shows them; maps are saved in func/."
        )
        return
    meshes = {h: load_mesh(str(path)) for h, path in geometry.items()}
    joined = np.concatenate([x for sides in values.values() for x in sides.values()])
    finite = joined[np.isfinite(joined)]
    limits = color_limits(finite) if finite.size else None
    for model, sides in values.items():
        figure = surface_map(meshes, sides, label=f"r {analysis.where}", limits=limits)
        content, file = figures.save(figure, f"{analysis.stem}_stat-r_desc-{model}_statmap")
        caption = f"r of {model} {analysis.where}, one colour scale for all models; grey: no score."
        section.figure(content, caption, file)
    baseline = str(analysis.baseline)
    for model, sides in values.items():
        if baseline not in values or model == baseline:
            continue
        less = {h: sides[h] - values[baseline][h] for h in sides}
        label = f"r of {model} - r of {baseline}"
        figure = surface_map(meshes, less, label=label, diverging=True)
        name = f"{analysis.stem}_stat-rdifference_desc-{model}_statmap"
        content, file = figures.save(figure, name)
        section.figure(
            content,
            f"Where {model} (red) and where {baseline} (blue) is better {analysis.where}.",
            file,
        )
