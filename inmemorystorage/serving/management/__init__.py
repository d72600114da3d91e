"""What the app does for manage.py."""
