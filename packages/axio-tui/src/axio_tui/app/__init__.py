"""The full-screen application, on Textual."""
