"""How the pages are built: Markdown by MyST, the look by Furo, the reference out of docstrings."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "corago"
author = "The corago authors"
project_copyright = author
html_title = "corago"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "generated"]
exclude_patterns = ["_build", "_ext"]
root_doc = "index"
html_theme = "furo"
html_show_sphinx = False
html_copy_source = False

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

# Docstrings are Google's in shape, and write code in single backticks as everybody does.
default_role = "code"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
maximum_signature_line_length = 80

# References in prose must lead somewhere. Those in signatures name types of the standard library
# and of pydantic too, whose pages are not fetched: a build needs no network.
nitpicky = True
nitpick_ignore_regex = [("py:(class|obj|data|exc|attr)", ".*")]
