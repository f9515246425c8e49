"""The settings of OpenAI."""

from axio_transport_openai.tui.dialog import KeyDialog

__all__ = ("OpenAISettingsScreen",)


class OpenAISettingsScreen(KeyDialog):
    """Ends with `base_url` and `api_key`, as far as they are filled in; None when cancelled."""

    heading = "OpenAI"
    variable = "OPENAI_API_KEY"
    address = "https://api.openai.com/v1"
