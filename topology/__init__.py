"""Connectivity in integers and phase masks: numbering, energisation, traces, loops, restoration."""
