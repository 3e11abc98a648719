// The Type of a C++ number. Private to store/.
#pragma once
#include <cstdint>
#include <type_traits>

#include <hullscope/store/schema.hpp>

namespace hullscope::store::detail {

template <class T>
constexpr Type type_of() {
  if constexpr (std::is_same_v<T, std::uint8_t>) return Type::u8;
  if constexpr (std::is_same_v<T, std::int32_t>) return Type::i32;
  if constexpr (std::is_same_v<T, std::int64_t>) return Type::i64;
  if constexpr (std::is_same_v<T, float>) return Type::f32;
  if constexpr (std::is_same_v<T, double>) return Type::f64;
}

}  // namespace hullscope::store::detail
