"""Four pages as one writes them without a framework, for comparison."""
