"""A launcher around the real LiteLLM proxy: declared models become one checked plan, one YAML and a running gateway."""

__version__ = "0.1.0"
