/*
 * Functions whose every use is a mistake waiting: unbounded writes, hidden state, parsers without
 * an error, shells. Included by the build before every file of ours, so that a use does not compile.
 * The system headers that declare them come first; poison works on the name from here on.
 */
#ifndef POSTERN_BASE_BANNED_H
#define POSTERN_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

/* With Clang the fortified header has macros of these names, which can not be poisoned. */
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok gets
#pragma GCC poison atoi atol atoll atof sscanf vsscanf
#pragma GCC poison system popen tmpnam tempnam mktemp
#pragma GCC poison gmtime localtime ctime asctime

#endif
