#pragma once
#include <cstdint>

/* Partial sums of a row; addition of element i goes to lane i % Count. */
template <int Count> class Lanes {
public:
  template <typename Term> void add_all(int64_t n, const Term &term) {
    int64_t i = 0;
    for (; i + Count <= n; i += Count)
      for (int l = 0; l < Count; l++) sums_[l] += term(i + l);
    for (int l = 0; i + l < n; l++) sums_[l] += term(i + l);
  }

  float total() const {
    float sum = 0;
    for (float lane : sums_) sum += lane;
    return sum;
  }

private:
  float sums_[Count] = {};
};
