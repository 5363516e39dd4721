"""From a node to its files: templates are looked up, rendered in a sandbox, and what came out is checked.

Pure but for ``load_templates`` and ``load_schemas``, which read files. A secret is a slot in the text, never a
value here. Imports the standard library, Jinja2, ``fleethub.model`` and ``fleethub.nodetypes``.
"""

from fleethub.rendering.files import Rendered, RenderedFile, Renderer, render
from fleethub.rendering.lookup import Schemas, Templates, TemplateText, load_schemas, load_templates

__all__ = [
    "Rendered",
    "RenderedFile",
    "Renderer",
    "Schemas",
    "TemplateText",
    "Templates",
    "load_schemas",
    "load_templates",
    "render",
]
