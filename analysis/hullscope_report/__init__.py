"""Figures and the HTML report of a hullscope study, from its published files only."""
