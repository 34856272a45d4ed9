"""Reports: what a reader takes along."""
