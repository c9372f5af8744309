// Which call of the C library was refused last on this thread (EPERM, EACCES, ENOSYS), so that errors
// can name it.

#ifndef CSOCKET_REFUSAL_H
#define CSOCKET_REFUSAL_H

// Notes the call whose text is `bind(descriptor, …)`; the text must be a literal.
void csock_note_refusal(const char *call);

// The number of the call that was noted, and forgets it; 0 for none.
unsigned char csock_take_refusal(void);

// The name of a call by its number; of `length` bytes.
const char *csock_refused_call(unsigned char number, int *length);

#endif
