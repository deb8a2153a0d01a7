"""Reservations: what a friend has booked, each by its id, however often it is moved.

    model      what a caller may say of one (``reserved``), with what is left out filled in
    events     the event
    leaves     the condition ``reservation``
    imports    a booking system's daily file, line by line
    api        ``POST /reservations/import``

What is known of them is on the friend's sheet (``sheets.reservations``). The room sends nothing and moves
nobody: scenarios follow a reservation by themselves (``enrollments.anchors``).
"""
