// Handlers for clang's undefined-behaviour checks: wasm32 has no sanitizer runtime, so ours notes the place and traps.
#include <stdint.h>

struct location {
  const char *file;
  uint32_t line, column;
};

struct {
  const char *kind;
  struct location location;
} forge_fault;

// Every handler's first argument points to data that begins with the source location.
static _Noreturn void fault(const char *kind, const void *data) {
  forge_fault.kind = kind;
  forge_fault.location = *(const struct location *)data;
  __builtin_trap();
}

#define HANDLER1(name, kind) \
  _Noreturn void __ubsan_handle_##name(void *d) { fault(kind, d); }
#define HANDLER2(name, kind) \
  _Noreturn void __ubsan_handle_##name(void *d, uintptr_t a) { (void)a; fault(kind, d); }
#define HANDLER3(name, kind) \
  _Noreturn void __ubsan_handle_##name(void *d, uintptr_t a, uintptr_t b) { (void)a; (void)b; fault(kind, d); }
#define HANDLER4(name, kind) \
  _Noreturn void __ubsan_handle_##name(void *d, uintptr_t a, uintptr_t b, uintptr_t c) { (void)a; (void)b; (void)c; fault(kind, d); }

HANDLER2(type_mismatch_v1_abort, "misaligned or null access")
HANDLER4(alignment_assumption_abort, "broken alignment assumption")
HANDLER3(add_overflow_abort, "integer overflow in an addition")
HANDLER3(sub_overflow_abort, "integer overflow in a subtraction")
HANDLER3(mul_overflow_abort, "integer overflow in a multiplication")
HANDLER2(negate_overflow_abort, "integer overflow in a negation")
HANDLER3(divrem_overflow_abort, "division by zero or its overflow")
HANDLER3(shift_out_of_bounds_abort, "shift out of range")
HANDLER2(out_of_bounds_abort, "array index out of bounds")
HANDLER1(builtin_unreachable, "unreachable code reached")
HANDLER1(missing_return, "function ends without a value")
HANDLER2(vla_bound_not_positive_abort, "length of a variable array is not positive")
HANDLER2(float_cast_overflow_abort, "floating-point value does not fit the integer type")
HANDLER2(load_invalid_value_abort, "value invalid for its type")
HANDLER3(implicit_conversion_abort, "implicit conversion changes the value")
HANDLER1(invalid_builtin_abort, "invalid argument to a builtin")
HANDLER2(nonnull_return_v1_abort, "null returned where it must not be")
HANDLER1(nonnull_arg_abort, "null argument where it must not be")
HANDLER3(pointer_overflow_abort, "pointer arithmetic leaves the object")
