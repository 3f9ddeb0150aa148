#ifndef EXP_TABLE_H
#define EXP_TABLE_H

enum { EXP_STEPS = 64 };

/* 2^(i/64), made by the first call of the process. */
const float *exp_table(void);

#endif
