"""`axio --serve`: the application in a browser."""
