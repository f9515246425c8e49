"""The dialogs in which a terminal application asks for settings; they need the extra `tui`."""

__all__ = (
    "CustomHubScreen",
    "ModelEditScreen",
    "NebiusSettingsScreen",
    "OpenAISettingsScreen",
    "OpenRouterSettingsScreen",
    "ProviderEditScreen",
)

from axio_transport_openai.tui.custom import CustomHubScreen
from axio_transport_openai.tui.edit import ModelEditScreen, ProviderEditScreen
from axio_transport_openai.tui.nebius import NebiusSettingsScreen
from axio_transport_openai.tui.openai import OpenAISettingsScreen
from axio_transport_openai.tui.openrouter import OpenRouterSettingsScreen
