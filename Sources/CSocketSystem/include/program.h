// The file of this program.

#ifndef CSOCKET_PROGRAM_H
#define CSOCKET_PROGRAM_H

// The path by which this process's program was started, AT_EXECFN in getauxval(3), absolute, with
// its symbolic links as they were named; NULL if nobody knows.
const char *csock_program_path(void);

#endif
