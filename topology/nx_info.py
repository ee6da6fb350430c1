"""What NetworkX wants to know of the backend before it may be loaded. Imports nothing, on purpose."""

__all__ = ["FUNCTIONS", "get_info"]

FUNCTIONS = (
    "articulation_points",
    "bfs_edges",
    "biconnected_components",
    "bridges",
    "connected_components",
    "descendants",
    "has_path",
    "node_connected_component",
    "number_connected_components",
    "shortest_path",
    "shortest_path_length",
    "single_source_shortest_path_length",
)
"""The algorithms that the backend has."""


def get_info() -> dict[str, object]:
    """The entry point `networkx.backend_info`."""
    return {
        "backend_name": "gridtwin",
        "project": "gridtwin",
        "package": "gridtwin",
        "short_summary": "Compiled graph algorithms on the arrays of an electric distribution network.",
        "functions": {name: {} for name in FUNCTIONS},
    }
