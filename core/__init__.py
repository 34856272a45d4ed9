"""Lightbox: an AI reading desk for radiologists. Start reading at `core.domain`."""

__version__ = "0.1.0"
