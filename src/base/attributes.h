/* The compiler attributes that the tree uses, under one name each. */
#ifndef POSTERN_BASE_ATTRIBUTES_H
#define POSTERN_BASE_ATTRIBUTES_H

/* The caller must look at the result. */
#define MUST_USE __attribute__((warn_unused_result))

/* Argument number text is a printf format for the arguments from FIRST on. */
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

/* A large buffer that is written before it is read: exempt from pattern initialisation. */
#define UNINITIALIZED __attribute__((uninitialized))

#endif
