// Elementwise operations: operands broadcast by NumPy's rule and promote by promote(). Chains of
// them run as one step.
#pragma once

#include "tarn/core/array.h"

namespace tarn {

array astype(const array& a, Dtype dtype);
// `value` as a constant that does not widen `like`: its dtype if that is floating, else float32.
array scalar_like(float value, const array& like);

// Same dtype as the operand.
array abs(const array& a);
array negative(const array& a);
array sign(const array& a);
array floor(const array& a);
array ceil(const array& a);
array round(const array& a);  // halves to even
array square(const array& a);
array bitwise_invert(const array& a);

// Floating results: integers and booleans become float32.
array exp(const array& a);
array expm1(const array& a);
array log(const array& a);
array log1p(const array& a);
array log2(const array& a);
array sqrt(const array& a);
array rsqrt(const array& a);
array reciprocal(const array& a);
array sin(const array& a);
array cos(const array& a);
array tanh(const array& a);
array erf(const array& a);
array erfinv(const array& a);  // infinite at 1 and -1, NaN beyond
array sigmoid(const array& a);
array softplus(const array& a);   // log(1 + exp(a))
array silu(const array& a);       // a * sigmoid(a)
array gelu(const array& a);       // a * Phi(a), with the error function
array gelu_tanh(const array& a);  // the tanh approximation of the same

// Boolean results.
array logical_not(const array& a);
array isnan(const array& a);
array isinf(const array& a);
array isfinite(const array& a);
array equal(const array& a, const array& b);
array not_equal(const array& a, const array& b);
array less(const array& a, const array& b);
array less_equal(const array& a, const array& b);
array greater(const array& a, const array& b);
array greater_equal(const array& a, const array& b);
array logical_and(const array& a, const array& b);
array logical_or(const array& a, const array& b);

// The promoted dtype.
array add(const array& a, const array& b);
array subtract(const array& a, const array& b);
array multiply(const array& a, const array& b);
array maximum(const array& a, const array& b);  // NaN if either is
array minimum(const array& a, const array& b);
array power(const array& a, const array& b);
array remainder(const array& a, const array& b);  // sign of the divisor, as in Python
array floor_divide(const array& a,
                   const array& b);            // rounds down; integer division by zero gives 0
array divide(const array& a, const array& b);  // floating result
array arctan2(const array& a, const array& b);
array logaddexp(const array& a, const array& b);

// Integers and booleans only. Shifting by the width or more leaves nothing but the sign.
array bitwise_and(const array& a, const array& b);
array bitwise_or(const array& a, const array& b);
array bitwise_xor(const array& a, const array& b);
array left_shift(const array& a, const array& b);  // shifts take booleans as uint8
array right_shift(const array& a, const array& b);

// a where condition holds, b elsewhere.
array where(const array& condition, const array& a, const array& b);
array clip(const array& a, const array& low, const array& high);

inline array operator+(const array& a, const array& b) { return add(a, b); }
inline array operator-(const array& a, const array& b) { return subtract(a, b); }
inline array operator*(const array& a, const array& b) { return multiply(a, b); }
inline array operator/(const array& a, const array& b) { return divide(a, b); }
inline array operator-(const array& a) { return negative(a); }
inline array operator+(const array& a, float b) { return add(a, scalar_like(b, a)); }
inline array operator-(const array& a, float b) { return subtract(a, scalar_like(b, a)); }
inline array operator*(const array& a, float b) { return multiply(a, scalar_like(b, a)); }
inline array operator/(const array& a, float b) { return divide(a, scalar_like(b, a)); }
inline array operator+(float a, const array& b) { return add(scalar_like(a, b), b); }
inline array operator-(float a, const array& b) { return subtract(scalar_like(a, b), b); }
inline array operator*(float a, const array& b) { return multiply(scalar_like(a, b), b); }
inline array operator/(float a, const array& b) { return divide(scalar_like(a, b), b); }
inline array operator<(const array& a, const array& b) { return less(a, b); }
inline array operator<=(const array& a, const array& b) { return less_equal(a, b); }
inline array operator>(const array& a, const array& b) { return greater(a, b); }
inline array operator>=(const array& a, const array& b) { return greater_equal(a, b); }

}  // namespace tarn
