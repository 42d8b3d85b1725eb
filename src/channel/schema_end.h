/* Undefines what a reader of schema.def defined. Included after each reading; so no include guard. */
#undef MESSAGE
#undef U8
#undef U32
#undef U64
#undef I64
#undef TEXT
#undef SECRET
#undef FIXED
#undef FD
#undef END
