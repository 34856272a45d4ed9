"""Loading: from the bytes of an upload to a study."""
