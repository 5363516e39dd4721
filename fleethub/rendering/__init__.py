"""From a node to its files: templates are looked up, rendered in a sandbox, and what came out is checked.

Pure but for ``load_templates``, which reads the templates' files. A secret is a slot in the text, never a
value here. Imports the standard library, Jinja2, ``fleethub.model`` and ``fleethub.nodetypes``.
"""

from fleethub.rendering.files import Rendered, RenderedFile, render
from fleethub.rendering.lookup import Templates, TemplateText, load_templates

__all__ = ["Rendered", "RenderedFile", "TemplateText", "Templates", "load_templates", "render"]
