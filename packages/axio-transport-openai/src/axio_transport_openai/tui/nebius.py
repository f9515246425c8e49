"""The settings of Nebius."""

from axio_transport_openai.tui.dialog import KeyDialog

__all__ = ("NebiusSettingsScreen",)


class NebiusSettingsScreen(KeyDialog):
    """Ends with `base_url` and `api_key`, as far as they are filled in; None when cancelled."""

    heading = "Nebius"
    variable = "NEBIUS_API_KEY"
    address = "https://api.tokenfactory.nebius.com/v1"
