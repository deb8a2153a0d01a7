"""Forms: questions put to a friend in the chat, one after the other, and the answers that come back.

A form is started by an action (``start_form``). The fact sheet has where the friend is in it
(``form_session``), and the answers below ``forms.<form>.answers`` as they come, so that half a form is kept
as well. Everything here is pure: the reaction folds answers into the sheet like any other event and says the
questions.
"""
