"""Routes: the ways by which friends come (a QR code, a page), as documents."""
