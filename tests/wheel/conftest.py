"""The wheel's app is driven with the same browser and the same kind of server process as the examples."""

from tests.browser.conftest import browser_type_launch_args, context, launch, page, page_faults

__all__ = ["browser_type_launch_args", "context", "launch", "page", "page_faults"]
