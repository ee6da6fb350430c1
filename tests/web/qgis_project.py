"""Opens a project in QGIS without a screen, for tests/web/test_qgis.py; runs in the system's Python, which has QGIS.

qgis_project.py PROJECT PICTURE BASE_URL prints what is in the project, as JSON, and draws what it shows first.
"""

from __future__ import annotations

import json
import sys

from qgis.core import (
    Qgis,
    QgsApplication,
    QgsMapLayer,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsVectorLayer,
    QgsVectorTileLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor

SIDE = 800


def described(layer: QgsMapLayer) -> dict[str, object]:
    told: dict[str, object] = {"valid": layer.isValid(), "crs": layer.crs().authid()}
    if isinstance(layer, QgsVectorLayer):
        told |= {
            "features": [str(feature["id"]) for feature in layer.getFeatures()],
            "fields": [field.name() for field in layer.fields()],
            "rules": [rule.filterExpression() for rule in layer.renderer().rootRule().children()],
        }
    else:
        told |= {"styles": len(layer.renderer().styles()), "zooms": [layer.sourceMinZoom(), layer.sourceMaxZoom()]}
    return told


def drawn(project: QgsProject, layers: list[QgsMapLayer]) -> tuple[object, dict[str, int], list[str]]:
    """The picture, how many of its pixels have each colour, and what QGIS complains about."""
    settings = QgsMapSettings()
    settings.setDestinationCrs(project.crs())
    settings.setOutputSize(QSize(SIDE, SIDE))
    settings.setBackgroundColor(QColor("white"))
    settings.setExtent(project.viewSettings().defaultViewExtent())
    settings.setFlag(QgsMapSettings.Antialiasing, False)
    settings.setLayers(layers)
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    colours: dict[str, int] = {}
    for x in range(SIDE):
        for y in range(SIDE):
            name = image.pixelColor(x, y).name()
            colours[name] = colours.get(name, 0) + 1
    return image, colours, [error.message for error in job.errors()]


def main(path: str, picture: str, base_url: str) -> dict[str, object]:
    project = QgsProject.instance()
    read = project.read(path)
    layers = project.mapLayers()
    shown = project.layerTreeRoot().checkedLayers()
    image, colours, errors = drawn(project, shown)
    image.save(picture)
    items = [layer for name, layer in layers.items() if name.startswith("gridtwin_items")]
    _, item_colours, item_errors = drawn(project, items)
    by_hand = QgsVectorTileLayer(f"type=xyz&url={base_url}/tiles/grid/{{z}}/{{x}}/{{y}}.mvt&zmin=10&zmax=16", "tiles")
    _, hand_colours, hand_errors = drawn(project, [by_hand])
    features = QgsVectorLayer(f"typename='switches' url='{base_url}/ogc' version='OGC_API_FEATURES'", "s", "OAPIF")
    return {
        "version": Qgis.QGIS_VERSION,
        "read": read,
        "title": project.title(),
        "crs": project.crs().authid(),
        "layers": {name: described(layer) for name, layer in layers.items()},
        "shown": [layer.id() for layer in shown],
        "colours": colours,
        "item_colours": item_colours,
        "errors": [*errors, *item_errors, *hand_errors],
        "by_hand": {
            "tiles": by_hand.isValid() and by_hand.type() == QgsMapLayer.VectorTileLayer,
            "tile_pixels": SIDE * SIDE - hand_colours.get("#ffffff", 0),
            "features": [str(feature["id"]) for feature in features.getFeatures()],
        },
    }


if __name__ == "__main__":
    application = QgsApplication([], False)
    application.initQgis()
    told = main(*sys.argv[1:])
    print(json.dumps(told))
    application.exitQgis()
