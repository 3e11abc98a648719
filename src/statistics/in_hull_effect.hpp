// What being in the hull adds to the accuracy at a given distance, under models that differ in what else they know.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace hullscope::statistics {

enum class DistanceCurve { linear, spline };  ///< spline: restricted cubic, 4 degrees of freedom (spline.hpp)

/// Average marginal difference: the mean over the points of P(right | inside) - P(right | outside) by the logistic
/// model
///   correct ~ curve(distance) + in_hull + distance:in_hull + covariates.
/// covariates: n values each, finite. Points without a finite distance or a verdict are left out. The fit has a ridge
/// of 1e-6 a point on standardised terms, so that it exists where answers are separated. NaN where in_hull or the
/// answers are constant.
double in_hull_effect(std::span<const double> distance, std::span<const double> in_hull,
                      std::span<const std::uint8_t> correct, DistanceCurve curve,
                      const std::vector<std::vector<double>>& covariates = {});

}  // namespace hullscope::statistics
