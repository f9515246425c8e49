"""The settings of OpenRouter."""

from axio_transport_openai.tui.dialog import KeyDialog

__all__ = ("OpenRouterSettingsScreen",)


class OpenRouterSettingsScreen(KeyDialog):
    """Ends with `base_url` and `api_key`, as far as they are filled in; None when cancelled."""

    heading = "OpenRouter"
    variable = "OPENROUTER_API_KEY"
    address = "https://openrouter.ai/api/v1"
