"""Directed graphs as pictures: one value, one layout, and renderers for SVG, Mermaid and DOT.

Pure: what comes in is a value, what goes out is a text. Knows neither steps nor machines.
"""
