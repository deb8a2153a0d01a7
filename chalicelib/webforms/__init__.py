"""Forms on the web: the questions of a form document, one page each, at ``/f/{account}/{form}``.

    path      which questions a friend with these answers is asked, by the same conditions as in the chat
    sittings  the answers so far: kept as they come, on whatever device, until they are sent
    sending   the end: the answers become the event ``form_answered``, once
    api       the pages

A sitting is open, sent, or reported. It is sent by one conditional write, which freezes its answers; what is
sent is put in the inbox under the sitting's own name until it is known to be there. So two devices, a double
tap, the back button and a crash at any place make one event.
"""
