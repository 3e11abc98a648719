// network.h5: a trained classifier as plain arrays, with its learning curves.
#pragma once
#include <string>

#include <hullscope/networks/checkpoint.hpp>
#include <hullscope/networks/model.hpp>
#include <hullscope/networks/samples.hpp>
#include <hullscope/store/artifact.hpp>

namespace hullscope::networks {

/// Writes curves and parameters (also "input.offset" and "input.divisor", the scaling). Collective as the writer is.
void write_network(store::ArtifactWriter& writer, const Model& model, const Scaling& scaling, const Curves& curves);

struct StoredNetwork {
  Model model;
  Scaling scaling;
};

/// Reads it back into a model of this architecture. Throws DataError if an array is missing or of another shape.
StoredNetwork read_network(const std::string& path, const Architecture& architecture,
                           const std::string& device = "cpu");

struct StoredAutoencoder {
  Model model;
  float divisor = 1;  ///< of its inputs
};

/// The trained autoencoder of a codes.h5. Throws DataError as read_network does.
StoredAutoencoder read_autoencoder(const std::string& path, const Architecture& architecture,
                                   const std::string& device = "cpu");

/// One parameter of a network.h5. Throws DataError if it is not there.
NamedArray read_parameter(const store::ArtifactReader& reader, const std::string& path, const std::string& name);

/// Arrays under /parameter, each with dimensions of its own.
void write_parameters(store::ArtifactWriter& writer, const std::vector<NamedArray>& arrays);

}  // namespace hullscope::networks
