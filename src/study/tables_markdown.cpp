// What docs/study-file.md says of the tables of a study file beside its options.
#include <hullscope/study/detail/option_table.hpp>

namespace hullscope::study::detail {

std::string tables_as_markdown() {
  return R"(
## network

One `[[network]]` table per classifier:

| key | type | meaning |
|---|---|---|
| `name` | text | name of the network, distinct and safe as a folder's name |
| `layers` | list of texts | hidden layers in order, not empty: `dense 256`, `relu`, `dropout 0.2`, `conv 3x3 64`, `batchnorm`, `maxpool 2`, `flatten` |
| `set` | text | its own data set, as `data.set`; without it that one |

The output layer (dense, one unit a class) is added. The neural space is the output of the last layer that is not a
dropout.

```toml
[[network]]
name = "mlp-256"
layers = ["dense 256", "relu", "dropout 0.2", "dense 1024", "relu", "dropout 0.4", "dense 128", "relu", "dropout 0.5"]
```

A network that was made elsewhere has, in place of `layers`, one of these ([own-model.md](own-model.md)):

| key | type | meaning |
|---|---|---|
| `torchscript` | text | file of a TorchScript module that takes samples and returns a logit a class |
| `layer` | text | name of the submodule whose output is the neural space, such as `features.3`; without it: the input of the last dense layer |
| `scaling` | text | of its inputs: `unit` (default), `standard` or `none`, as `train.scaling` |
| `mean`, `deviation` | lists of numbers | then (x - mean) / deviation; one a channel, or one for all |
| `features`, `labels` | tables of texts | arrays of the neural space and of the classes: `{train = "a.npy", test = "b.npy"}`, and one for each further test set |
| `predictions` | table of texts | arrays of the predicted classes |
| `logits` | table of texts | arrays of the outputs before the softmax; without `predictions` the largest one is the prediction |
| `head` | table of texts | arrays of the last layer, `{weight = "w.npy", bias = "b.npy"}` (classes x features, classes): gives logits where there are none, and relative accuracies |

Files are looked for in `data.folder`, then in the working folder. Such a network is one trial, `train.trials = 1`, unless
its files hold `{trial}`, which stands for `00`, `01`, ... Features without `data.set` are the data set themselves.

## test

One `[[test]]` table per further test set, which the trained networks answer as they answer their own:

| key | type | meaning |
|---|---|---|
| `name` | text | name of the set; with a shift the strength is added: `rotated-15` |
| `shift` | text | of the study's own test samples: `rotation` (degrees, to one side or the other), `translation` (pixels, in any direction), `noise` (standard deviation; for pixels as a part of 255), `contrast` (factor, about the mean of the image) |
| `strengths` | list of numbers | one set each, >= 0 |
| `set` | text | the test samples of another data set of the same shape, as `data.set` |
| `same_classes` | true or false | that set's labels are those of the study's; default false: they are foreign, and every answer is wrong |

Adding one, or a strength, extends a study in place. A study of features alone names the set and gives its arrays in the
networks.

```toml
[[test]]
name = "rotated"
shift = "rotation"
strengths = [15, 30, 60]
[[test]]
name = "digits"
set = "mnist"
```

## presets

A file may hold tables of keys that one word switches between. The file's own keys come first, then those of the
preset, then `--set`. `hullscope run STUDY.toml --set preset=cpu` chooses another; give each its own `name`, so that
its results have their own folder.

```toml
preset = "smoke"

[presets.smoke]
name = "mine-smoke"
train.trials = 1
train.epochs = 1

[presets.full]
name = "mine"
train.trials = 10
```
)";
}

}  // namespace hullscope::study::detail
