"""What every room may use: ids, errors, settings, time formats, HTTP shapes. Imports nothing of ours."""
